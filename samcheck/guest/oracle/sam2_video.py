"""SAM 2.1 for videos in NumPy and float64: the memory of a video, and how one object is followed through it.

Written from the paper (https://arxiv.org/abs/2408.00714, section 4 and appendix C) and from what the
published models' configurations switch on (``configs/sam2.1`` of sam2 1.1.0). It shares no code with the
`sam2` package. A memory is kept in bfloat16, as SAM 2 keeps it; everything else is float64.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import layers
from .layers import Weights, layer_norm, linear
from .sam import DECODER_EPSILON, ENCODER_EPSILON
from .sam2_image import LARGEST_LOGIT, LAYOUTS, HieraLayout, Pyramid, Sam2Oracle, single_mask
from .sam2_layers import (
    brain,
    convolution,
    rotary_attention,
    sine_moments,
    sine_positions,
    small_holes,
    smoothly_resized,
)

#: Frames that are attended to: the prompted ones, and at most six before the current one.
MEMORIES = 7
#: Pointers that are attended to come from at most so many frames, the current one counted.
POINTERS = 16
NOT_THERE = -1024.0
#: Logits of a mask that is given as a prompt.
GIVEN_LOGIT = 10.0
#: Logits become probabilities, and these are stretched to -10 ... 10 for the memory.
SCALE, SHIFT = 20.0, -10.0
#: Holes of at most so many pixels, at low resolution, are filled with this logit.
LARGEST_HOLE, FILLED = 8, 0.1

Click = Tuple[Any, int]


@dataclass
class Answer:
    """What was found of one object in one frame.

    `logits` (4 s, 4 s) are at low resolution; `present` is the logit of the object being there; `memory`
    (s, s, M) is None until it is needed.
    """

    logits: np.ndarray
    present: float
    pointer: np.ndarray
    memory: Optional[np.ndarray] = None


@dataclass
class Track:
    """One object: its prompted frames, those that were only followed, and in which direction."""

    prompted: Dict[int, Answer] = field(default_factory=dict)
    followed: Dict[int, Answer] = field(default_factory=dict)
    backwards: Dict[int, bool] = field(default_factory=dict)


class Sam2VideoOracle(Sam2Oracle):
    """Follows objects through one video.

    Attributes:
        largest_hole: holes of at most so many pixels are filled, 0 for none.
        size: (H, W) of the video.
    """

    def __init__(self, weights: Weights, side: int, layout: HieraLayout) -> None:
        super().__init__(weights, side, layout)
        self.largest_hole = 0
        self._pyramids: Dict[int, Pyramid] = {}
        self._frames: List[np.ndarray] = []
        self.size = (0, 0)

    @classmethod
    def of_variant(cls, model: Any, name: str) -> Sam2VideoOracle:
        """Create the oracle for a `SAM2Base` in float32 on the CPU; its memory is shared, not copied."""
        weights = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
        return cls(weights, model.image_size, LAYOUTS[name])

    def start(self, frames: List[np.ndarray], device: str = "cpu") -> None:
        """Take the frames, uint8 (H, W, 3) each; nothing is encoded before it is needed.

        On a GPU, SAM 2 fills small holes if it was built with its extension; elsewhere it leaves them.
        """
        fills = device == "cuda" and find_spec("sam2._C") is not None
        self.largest_hole = LARGEST_HOLE if fills else 0
        self._frames, self._pyramids = list(frames), {}
        self.size = frames[0].shape[:2]

    def _frame(self, index: int) -> Pyramid:
        if index not in self._pyramids:
            from PIL import Image

            small = Image.fromarray(self._frames[index]).resize((self.side, self.side))
            self._pyramids[index] = self.pyramid(np.asarray(small) / 255.0, self.size)
        return self._pyramids[index]

    def new_track(self) -> Track:
        return Track()

    def enlarged(self, answer: Answer) -> np.ndarray:
        """Return the logits of an answer at the size of the video."""
        return layers.resized(answer.logits, self.size)

    def looked_for(self, track: Track, index: int) -> Optional[Answer]:
        """A prompt for one object does not make SAM 2 look for others in that frame."""
        return None

    def unseen(self) -> np.ndarray:
        """Return the logits of an object that was not looked for."""
        return np.full(self.size, NOT_THERE)

    # ----- prompts

    def click(self, track: Track, index: int, clicks: List[Click]) -> Answer:
        """Prompt with all the points (x, y) and labels, corners of a box first, that the frame now has."""
        known = index in track.backwards
        before = track.prompted.get(index) or track.followed.get(index)
        mask = None if before is None else np.clip(before.logits, -LARGEST_LOGIT, LARGEST_LOGIT)[None]
        features = self._remembered(track, index) if known else self._unremembered(index)
        found = self._segment(index, features, clicks, mask)
        answer = replace(found, logits=self._without_holes(found.logits))
        self._keep(track, index, answer, known)
        return answer

    def give(self, track: Track, index: int, mask: np.ndarray) -> Answer:
        """Prompt with a mask, bool (H, W), which is then the answer."""
        pixels = smoothly_resized(mask.astype(np.float64), (self.side, self.side)) >= 0.5
        logits = np.where(pixels, GIVEN_LOGIT, -GIVEN_LOGIT)
        small = smoothly_resized(logits, (self.side // 4, self.side // 4))
        prompt = layers.strided_convolution(self._weights, "mask_downsample", pixels[..., None] * 1.0)
        found = self._segment(index, self._frame(index).coarse, [], prompt[..., 0][None], single=True)
        present = GIVEN_LOGIT if pixels.any() else -GIVEN_LOGIT
        pointer = found.pointer if pixels.any() else self.vector("no_obj_ptr")
        answer = Answer(self._without_holes(small), present, pointer)
        self._keep(track, index, answer, index in track.backwards)
        return answer

    def _keep(self, track: Track, index: int, answer: Answer, known: bool) -> None:
        if known:
            track.followed[index] = answer
        else:
            track.prompted[index] = answer
            track.followed.pop(index, None)

    # ----- following

    def follow(self, track: Track, order: List[int]) -> Dict[int, Answer]:
        """Go through frames in this order; return an answer for each."""
        answers: Dict[int, Answer] = {}
        reverse = len(order) > 1 and order[0] > order[-1]
        self.remember(track)
        for index in order:
            track.backwards[index] = reverse
            if index not in track.prompted:
                found = self._segment(index, self._remembered(track, index), [], None)
                memory = self._memory(index, found, shown=False)
                track.followed[index] = replace(
                    found, memory=memory, logits=self._without_holes(found.logits)
                )
            answers[index] = track.prompted.get(index) or track.followed[index]
        return answers

    def remember(self, track: Track) -> None:
        """Make the memories of frames that were prompted, of what was shown for them."""
        for answers in (track.followed, track.prompted):
            for index, answer in answers.items():
                if answer.memory is None:
                    answer.memory = self._memory(index, answer, shown=True)

    def _segment(
        self,
        index: int,
        features: np.ndarray,
        clicks: List[Click],
        mask: Optional[np.ndarray],
        single: bool = False,
    ) -> Answer:
        sparse = self.point_tokens(clicks, self.size) if clicks else self._no_point()
        decoded = self.decode(self._frame(index), features, sparse, mask)
        if single or len(clicks) > 1:
            chosen, token = single_mask(decoded), decoded.tokens[0]
        else:
            chosen = 1 + int(np.argmax(decoded.scores[1:]))
            token = decoded.tokens[chosen]
        there = decoded.present > 0
        logits = decoded.masks[chosen] if there else np.full_like(decoded.masks[0], NOT_THERE)
        pointer = self._perceptron("obj_ptr_proj", token) if there else self.vector("no_obj_ptr")
        return Answer(logits, decoded.present, pointer)

    def _no_point(self) -> np.ndarray:
        """A point that is none, and the padding behind it."""
        return np.tile(self.vector("prompt_encoder.not_a_point_embed.weight"), (2, 1))

    def _without_holes(self, logits: np.ndarray) -> np.ndarray:
        if not self.largest_hole:
            return logits
        return np.where(small_holes(logits > 0, self.largest_hole), FILLED, logits)

    # ----- memory

    def _memory(self, index: int, answer: Answer, shown: bool) -> np.ndarray:
        """Make the memory (s, s, M) of a mask; a mask that a user was shown has no shades."""
        large = layers.resized(answer.logits, (self.side, self.side))
        with np.errstate(over="ignore"):
            mask = (large > 0) * 1.0 if shown else 1 / (1 + np.exp(-large))
        x = (mask * SCALE + SHIFT)[..., None]
        name = "memory_encoder.mask_downsampler.encoder."
        for layer in range(0, 12, 3):
            x = convolution(self._weights, name + str(layer), x, stride=2)
            x = layers.gelu(layer_norm(self._weights, name + str(layer + 1), x, ENCODER_EPSILON))
        x = convolution(self._weights, name + "12", x)
        x = x + convolution(self._weights, "memory_encoder.pix_feat_proj", self._frame(index).coarse)
        for layer in range(2):
            x = self._fuse("memory_encoder.fuser.layers.{}.".format(layer), x)
        x = convolution(self._weights, "memory_encoder.out_proj", x)
        if answer.present <= 0:
            x = x + self.vector("no_obj_embed_spatial")
        return brain(x)

    def _fuse(self, name: str, x: np.ndarray) -> np.ndarray:
        y = convolution(self._weights, name + "dwconv", x)
        y = layer_norm(self._weights, name + "norm", y, ENCODER_EPSILON)
        y = linear(self._weights, name + "pwconv2", layers.gelu(linear(self._weights, name + "pwconv1", y)))
        return x + self.vector(name + "gamma") * y

    def _unremembered(self, index: int) -> np.ndarray:
        return self._frame(index).coarse + self.vector("no_mem_embed")

    def _remembered(self, track: Track, index: int) -> np.ndarray:
        """Let a frame's features attend to the memories and pointers of other frames."""
        self.remember(track)
        reverse = track.backwards[index]
        step = 1 if reverse else -1
        keys: List[np.ndarray] = []
        places: List[np.ndarray] = []
        memories = [(MEMORIES, answer) for answer in track.prompted.values()]
        before = {ago: track.followed.get(index + step * ago) for ago in range(1, MEMORIES)}
        memories += [(ago, answer) for ago, answer in before.items() if answer is not None]
        for ago, answer in memories:
            assert answer.memory is not None
            width = answer.memory.shape[-1]
            keys.append(answer.memory.reshape(-1, width))
            moment = layers.wide(self._weights, "maskmem_tpos_enc")[ago - 1].ravel()
            places.append(sine_positions(self.tokens, width).reshape(-1, width) + moment)
        pointers, when = self.pointers(track, index, step)
        keys.append(pointers)
        places.append(when)
        return self._attend(index, np.concatenate(keys), np.concatenate(places), len(pointers))

    def pointers(self, track: Track, index: int, step: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return pointers, cut into tokens of a memory's width, and the code of their distance in time."""
        most = min(len(self._frames), POINTERS)
        found = [
            ((other - index) * step, answer.pointer)
            for other, answer in track.prompted.items()
            if (other - index) * step >= 0
        ]
        found += [
            (ago, track.followed[index + step * ago].pointer)
            for ago in range(1, most)
            if index + step * ago in track.followed
        ]
        width = len(self.vector("no_obj_embed_spatial"))
        if not found:
            return np.zeros((0, width)), np.zeros((0, width))
        pointers = np.array([pointer for _, pointer in found])
        distance = np.array([ago for ago, _ in found]) / (most - 1)
        when = linear(self._weights, "obj_ptr_tpos_proj", sine_moments(distance, pointers.shape[1]))
        parts = pointers.shape[1] // width
        return pointers.reshape(-1, width), when.repeat(parts, axis=0)

    def _attend(self, index: int, keys: np.ndarray, places: np.ndarray, fixed: int) -> np.ndarray:
        coarse = self._frame(index).coarse
        width = coarse.shape[-1]
        x = (coarse + 0.1 * sine_positions(self.tokens, width)).reshape(-1, width)
        layer = 0
        while "memory_attention.layers.{}.norm1.weight".format(layer) in self._weights:
            name = "memory_attention.layers.{}.".format(layer)
            own = layer_norm(self._weights, name + "norm1", x, DECODER_EPSILON)
            x = x + rotary_attention(self._weights, name + "self_attn", own, own, own)
            own = layer_norm(self._weights, name + "norm2", x, DECODER_EPSILON)
            x = x + rotary_attention(
                self._weights, name + "cross_attn_image", own, keys + places, keys, fixed
            )
            own = layer_norm(self._weights, name + "norm3", x, DECODER_EPSILON)
            hidden = layers.relu(linear(self._weights, name + "linear1", own))
            x = x + linear(self._weights, name + "linear2", hidden)
            layer += 1
        x = layer_norm(self._weights, "memory_attention.norm", x, DECODER_EPSILON)
        return x.reshape(coarse.shape)
