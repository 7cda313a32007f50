"""Known defects of ultralytics and of EfficientViT-SAM's package, beside how their answers deviate."""

from __future__ import annotations

from .defect import PRODUCT_OF_TWO_DTYPES, Defect

_ULTRALYTICS = "https://github.com/ultralytics/ultralytics/"
_SOURCE = _ULTRALYTICS + "blob/v8.4.190/ultralytics/"
_EFFICIENTVIT = "https://github.com/mit-han-lab/efficientvit/blob/master/"

CARRIER_DEFECTS = (
    Defect(
        "ultralytics-writes-home",
        "importing ultralytics writes settings to the home folder, unless YOLO_CONFIG_DIR names another",
        (r"^ForeignSettings: the home folder has \.config/Ultralytics/",),
        _ULTRALYTICS + "issues/1809",
    ),
    Defect(
        "ultralytics-one-thread",
        "importing ultralytics sets OMP_NUM_THREADS to 1 where it is not set: PyTorch, if it is imported "
        "afterwards, and all processes started later have one thread",
        (r"^ForeignSettings: PyTorch has one thread for \d+ cores",),
        _ULTRALYTICS + "issues/16457",
    ),
    Defect(
        "ultralytics-replaces-functions",
        "importing ultralytics replaces torch.save and PIL.Image.open by its own",
        (r"^ForeignSettings: replaced: (torch|PIL)\.",),
        _SOURCE + "utils/patches.py",
    ),
    Defect(
        "ultralytics-points-are-objects",
        "ultralytics takes N points as N objects, negative ones too; those of one object need one more pair "
        "of brackets, for their labels as well",
        (r"^SplitObject: \d+ points are \d+ objects",),
        _ULTRALYTICS + "issues/20168",
    ),
    Defect(
        "ultralytics-drops-low-scores",
        "ultralytics drops masks with a score of up to `conf`, 0.25 by default, so that fewer come back than "
        "were asked for",
        (r"^SilentlyWrong: of three masks, \d came back",),
        _SOURCE + "models/sam/predict.py",
    ),
    Defect(
        "ultralytics-sam2-builder",
        "ultralytics' build_sam2_* make SAM 2, not 2.1, unless the name of the checkpoint's file has sam2.1",
        (r"^SilentlyWrong: SAM 2\.1's tensors are missing",),
        _SOURCE + "models/sam/build.py",
    ),
    Defect(
        "ultralytics-file-names",
        "ultralytics chooses the model by the end of the checkpoint's file name, and refuses the names that "
        "Meta gave",
        (r"^FileNotFoundError: .* is not a supported SAM model",),
        _SOURCE + "models/sam/build.py",
    ),
    Defect(
        "ultralytics-biases-keep-dtype",
        "ultralytics' TinyViT keeps its attention biases in the dtype in which it entered eval mode: casting "
        "the encoder needs another eval()",
        PRODUCT_OF_TWO_DTYPES,
        _SOURCE + "models/sam/modules/tiny_encoder.py",
    ),
    Defect(
        "efficientvit-half",
        "EfficientViT-SAM's image encoder cannot be cast: its neck resizes in float32 and goes on in it",
        (
            r"^RuntimeError: Input type \(\S+\) and (weight|bias) type \(\S+\) should be the same",
            r"^RuntimeError: expected scalar type \w+ but found",
        ),
        _EFFICIENTVIT + "efficientvit/models/nn/ops.py",
    ),
    Defect(
        "efficientvit-bgr",
        "EfficientViT-SAM's predictor refuses a BGR image whose longer side is already that of its input: it "
        "turns the channels with a negative stride",
        (r"^ValueError: At least one stride in the given numpy array is negative",),
        _EFFICIENTVIT + "efficientvit/models/efficientvit/sam.py",
    ),
    Defect(
        "efficientvit-builder-epsilon",
        "EfficientViT-SAM's functions for each size leave PyTorch's epsilon in the norms; the one that loads "
        "checkpoints sets that of the training",
        (r"^SilentlyWrong: norms have epsilons",),
        _EFFICIENTVIT + "efficientvit/sam_model_zoo.py",
    ),
    Defect(
        "efficientvit-fixed-size",
        "EfficientViT-SAM's neck makes 64 x 64 tokens of any image, those of 1024 pixels",
        (r"^SilentlyWrong: an encoder for \d+ tokens makes 64",),
        _EFFICIENTVIT + "efficientvit/models/efficientvit/sam.py",
    ),
    Defect(
        "efficientvit-batch-size",
        "EfficientViT-SAM's set_image_batch takes the padded size for the image's: prompts and masks of an "
        "image that is no square are off",
        (r"^SilentlyWrong: masks of \(\d+, \d+\), not \(\d+, \d+\)",),
        _EFFICIENTVIT + "efficientvit/models/efficientvit/sam.py",
    ),
    Defect(
        "efficientsam-python",
        "efficientsam declares Python 3.8, and its annotations need 3.10",
        (r"^WrongDeclaration: efficientsam declares Python",),
        "https://github.com/mit-han-lab/efficientvit",
    ),
)
