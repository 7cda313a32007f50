"""Known defects of SAM 3 in Meta's package and in transformers, beside those in `implementation_defects`."""

from __future__ import annotations

from .defect import PRODUCT_OF_TWO_DTYPES, Defect

_MODELS = "https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/sam3/"

SAM3_DEFECTS = (
    Defect(
        "transformers-sam3-words-alone",
        "Sam3Model leaves out the token that SAM 3 adds to every prompt for its boxes if there are no boxes: "
        "words are answered differently alone than beside a concept with boxes",
        (r"^DependsOnCompany: words beside words, box: ",),
        _MODELS + "modeling_sam3.py",
    ),
    Defect(
        "transformers-sam3-empty-size",
        "where nothing is found, transformers returns an array of masks that has the size of SAM 3's output, "
        "not the image's",
        (r"^WrongSize: no masks of \d+x\d+ pixels",),
        "https://github.com/pixeltable/pixeltable/pull/1478",
    ),
    Defect(
        "transformers-sam3-resizes-probabilities",
        "transformers resizes the probabilities of SAM 3's masks, where Meta's processor resizes the logits: "
        "outlines differ",
        (r"^SilentlyWrong: masks have an IoU of 0\.[2-9]",),
        _MODELS + "image_processing_sam3.py",
    ),
    Defect(
        "transformers-sam3-text-embeds",
        "Sam3Model does not take text_embeds as its documentation shows: it reads an attribute of them that "
        "tensors do not have",
        (r"^AttributeError: 'Tensor' object has no attribute 'pooler_output'",),
        _MODELS + "modeling_sam3.py",
    ),
    Defect(
        "transformers-sam3-boxes-float32",
        "a Sam3Model cast as a whole casts pixels itself, but not the boxes that its processor returns",
        PRODUCT_OF_TWO_DTYPES,
        _MODELS + "modeling_sam3.py",
    ),
    Defect(
        "sam3-needs-triton",
        "sam3 cannot be imported without triton, which it imports for videos and training",
        (r"^NeedsTriton: import of triton halted; None in sys\.modules",),
        "https://github.com/facebookresearch/sam3/issues/154",
    ),
    Defect(
        "sam3-vocabulary-missing",
        "the wheel of sam3 lacks the vocabulary of its tokenizer, without which no published model is built",
        (r"^FileNotFoundError: .*bpe_simple_vocab_16e6\.txt\.gz",),
        "https://github.com/facebookresearch/sam3/issues/339",
    ),
    Defect(
        "sam3-cuda-by-name",
        "sam3 creates tensors on CUDA by name and pins memory, whatever device it is built for",
        (
            r"^RuntimeError: Found no NVIDIA driver on your system",
            r"^AssertionError: Torch not compiled with CUDA enabled",
            r"^CudaByName: ",
        ),
        "https://github.com/facebookresearch/sam3/issues/587",
    ),
    Defect(
        "sam3-to-float32",
        "to(torch.float32) makes SAM 3's complex rotary table real, with a warning only: masks are wrong",
        (r"^SilentlyWrong: after to\(torch\.float32\) logits are off by",),
        "https://github.com/facebookresearch/sam3/issues/507",
    ),
    Defect(
        "sam3-cast-whole",
        "a SAM 3 model cast as a whole cannot encode: its predictor passes it float32 pixels",
        (r"RuntimeError: Input type \(.*\) and (bias|weight) type \(.*\) should be the same",),
        "https://github.com/facebookresearch/sam3/issues/507",
    ),
    Defect(
        "sam3-feature-sizes",
        "SAM3InteractiveImagePredictor assumes feature sizes for 1008 pixels, whatever the model's size is",
        (r"RuntimeError: shape '\[1, -1, \d+, \d+\]' is invalid for input of size \d+",),
        "https://github.com/facebookresearch/sam3/blob/main/sam3/model/sam1_task_predictor.py",
    ),
    Defect(
        "sam3-holes-left",
        "on a CPU without scikit-image, which sam3 does not declare, holes in masks are not filled",
        (r"^HolesLeft: ",),
        "https://github.com/facebookresearch/sam3/blob/main/sam3/perflib/connected_components.py",
    ),
    Defect(
        "sam3-autocast-left-on",
        "building sam3's tracker of videos switches on CUDA's autocast to bfloat16 for the whole process",
        (r"^LeftOn: autocast is on after",),
        "https://github.com/facebookresearch/sam3/blob/main/sam3/model/sam3_tracking_predictor.py",
    ),
)
