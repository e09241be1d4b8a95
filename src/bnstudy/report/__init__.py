"""What finished runs say: tables over the seeds, the verdicts on the post's claims, and pages.

Reads run folders alone, and never imports TensorFlow.
"""
