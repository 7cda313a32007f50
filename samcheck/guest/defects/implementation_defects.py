"""Known deviations of one implementation of a model from the original, by the stage that makes them."""

from __future__ import annotations

from .defect import Defect

_CONFIGURATION = "https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/"
_TIMM = "https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/"
_ULTRALYTICS = "https://github.com/ultralytics/ultralytics/blob/v8.4.190/ultralytics/"
_SAM2_VIDEO = _CONFIGURATION + "sam2_video/"

IMPLEMENTATION_DEFECTS = (
    Defect(
        "transformers-decoder-epsilon",
        "transformers normalises in SAM's mask decoder with an epsilon of 1e-6, where the original has 1e-5: "
        "logits are off by a few millionths of the largest",
        (r"^ImplementationsDiffer: decoder: logits \d\.\de-0[567],",),
        _CONFIGURATION + "sam/configuration_sam.py",
    ),
    Defect(
        "transformers-eager-softmax",
        "transformers' eager attention takes the softmax in float32, even of a model in float64",
        (r"^ImplementationsDiffer: encoder, decoder: logits \d\.\de-0[678],",),
        _CONFIGURATION + "sam/modeling_sam.py",
    ),
    Defect(
        "transformers-hq-image-embedding",
        "SamHQModel's decoder drops the image embedding that its transformer returns, and upscales the one "
        "that went in: its masks are not those of HQ-SAM",
        (r"^ImplementationsDiffer: decoder: logits [1-9]\.\de(-0[1-2]|\+0[0-2]),",),
        _CONFIGURATION + "sam_hq/modeling_sam_hq.py",
    ),
    Defect(
        "transformers-hq-three-masks",
        "SamHQModel returns three masks in the order of their scores if several are asked for, where HQ-SAM "
        "returns the best one",
        (r"^ImplementationsDiffer: decoder: masks have shape \(3, ",),
        _CONFIGURATION + "sam_hq/modeling_sam_hq.py",
    ),
    Defect(
        "transformers-sam3-no-memory",
        'Sam3TrackerModel adds the embedding of "no memory yet" to a level of features that it drops: its '
        "masks are not those of SAM 3",
        (
            r"^ImplementationsDiffer: encoder: logits [1-9]\.\de(-0[1-2]|\+00),",
            r"^NoMemoryIgnored: ",
        ),
        _CONFIGURATION + "sam3_tracker/modeling_sam3_tracker.py",
    ),
    Defect(
        "transformers-sam3-epsilon",
        "transformers normalises in SAM 3's vision transformer with an epsilon of 1e-6, where the original "
        "has 1e-5: logits are off by a few hundred-thousandths of the largest",
        (r"^ImplementationsDiffer: encoder: logits [1-9]\.\de-0[4-6],",),
        _CONFIGURATION + "sam3/configuration_sam3.py",
    ),
    Defect(
        "sam3-rotary-float32",
        "SAM 3's vision transformer, in Meta's package and in transformers, rounds angles, queries and keys "
        "to float32, even of a model in float64",
        (
            r"^ImplementationsDiffer: encoder: logits [1-9]\.\de-0[7-9],",
            r"^RoundedToFloat32: ",
        ),
        _CONFIGURATION + "sam3/modeling_sam3.py",
    ),
    Defect(
        "transformers-resizes-bytes",
        "transformers' processors resize bytes with torchvision, which rounds each pixel: SAM resizes with "
        "Pillow, whose bytes differ by up to two levels, and SAM 2 resizes floats",
        (r"^ImplementationsDiffer: preprocess: logits [1-9]\.\de-0[2-4],",),
        "https://github.com/huggingface/transformers/issues/29105",
    ),
    Defect(
        "timm-samvit-epsilon",
        "timm's samvit models normalise with an epsilon of 1e-5, where SAM's image encoder has 1e-6: its "
        "features are off, by up to a few millionths",
        (r"^EncodersDiffer: features \d\.\de-0[5678]$",),
        _TIMM + "vision_transformer_sam.py",
    ),
    Defect(
        "ultralytics-letterbox",
        "ultralytics gives SAM another picture of what is no square: resized by OpenCV without smoothing and "
        "padded with grey, where SAM pads with zeros and SAM 2 stretches",
        (r"^ImplementationsDiffer: preprocess, (prompt, )?resize: logits [1-9]\.\de-0[12],",),
        _ULTRALYTICS + "models/sam/predict.py",
    ),
    Defect(
        "ultralytics-crops-logits",
        "ultralytics cuts the padding off the decoder's logits before it enlarges them, and the original "
        "afterwards: logits next to the padding differ",
        (r"^ImplementationsDiffer: resize: logits \d\.\de-1\d, at image size [1-9]\.\de-0[12],",),
        _ULTRALYTICS + "utils/ops.py",
    ),
    Defect(
        "transformers-video-bilinear",
        "transformers resizes the frames of a video bilinearly, and rounds to bytes with torchvision; SAM 2 "
        "resizes them bicubically, with Pillow",
        (r"^ImplementationsDiffer: preprocess: logits [1-9]\.\de-0[1-3],",),
        _SAM2_VIDEO + "video_processing_sam2_video.py",
    ),
    Defect(
        "transformers-video-second-click",
        "Sam2VideoModel does not give the decoder the mask that it has of a frame beside further clicks "
        "there, as SAM 2 does: a second click is answered as if the first had not been",
        (r"^ImplementationsDiffer: prompt: logits [1-9]\.\de(-0[1-2]|\+00),",),
        _SAM2_VIDEO + "modeling_sam2_video.py",
    ),
    Defect(
        "transformers-video-given-mask",
        "of a mask that is given, Sam2VideoModel takes the best of three tokens as the object's pointer, "
        "where SAM 2 takes the token of the single mask; and it makes the memory of the mask at another size",
        (r"^ImplementationsDiffer: decoder, memory encoder: logits [1-9]\.\de-0[1-4],",),
        _SAM2_VIDEO + "modeling_sam2_video.py",
    ),
    Defect(
        "transformers-memory-of-other-objects",
        "a prompt for one object makes Sam2VideoModel store the memory of all others in that frame without "
        "shades, as if they had been prompted, too",
        (r"^AssertionError: another object changed: logits are off by",),
        _SAM2_VIDEO + "modeling_sam2_video.py",
    ),
    Defect(
        "transformers-video-keeps-large-masks",
        "a session of transformers keeps every object's mask of every frame at the size of the model's "
        "input, beside the one that SAM 2 keeps, of a sixteenth of the pixels",
        (r"^AssertionError: each frame adds [2-9]\.\d times what it needs",),
        "https://github.com/facebookresearch/sam3/issues/413",
    ),
    Defect(
        "transformers-nothing-to-follow",
        "Sam2VideoModel says `list index out of range` where there is no object to follow",
        (r"^IndexError: list index out of range",),
        _SAM2_VIDEO + "modeling_sam2_video.py",
    ),
)
