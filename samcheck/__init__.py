"""samcheck: does Segment Anything work with this driver, CUDA, PyTorch and Python?"""

__version__ = "0.1.0"
