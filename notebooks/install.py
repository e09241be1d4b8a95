# Install bnstudy where it is missing, on Colab for example. Nothing else is installed by hand.
import glob
import importlib.util
import subprocess
import sys

ADDRESS = "bnstudy-*.whl"  # a wheel beside this notebook; or git+https://... of a repository
if importlib.util.find_spec("bnstudy") is None:
    source = (sorted(glob.glob(ADDRESS)) or [ADDRESS])[-1]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", source], check=True)
