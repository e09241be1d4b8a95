# Install bnstudy where it is missing, on Colab for example. Nothing else is installed by hand.
import glob
import importlib.util
import subprocess
import sys

ADDRESS = "bnstudy-*.whl"  # a wheel beside this notebook; or git+https://... of a repository
if importlib.util.find_spec("bnstudy") is None:
    sources = [ADDRESS] if "://" in ADDRESS else sorted(glob.glob(ADDRESS))
    if not sources:
        raise FileNotFoundError(f"put {ADDRESS} beside this notebook, then run this cell again")
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", sources[-1]], check=True)
