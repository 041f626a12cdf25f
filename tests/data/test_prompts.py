import sys

import numpy as np
import pytest

from jvlgs_jax.data.prompts import DEFAULT_PROMPTS, EMPTY_PROMPT, tokenize
from jvlgs_jax.errors import UserError


def test_default_prompts_have_the_published_ids(monkeypatch):
    monkeypatch.setitem(sys.modules, "instant_clip_tokenizer", None)
    ids, mask = tokenize(DEFAULT_PROMPTS)
    assert ids.dtype == mask.dtype == np.int32
    assert ids.tolist() == [
        [49406, 1579, 6972, 49407, 0],
        [49406, 12619, 6972, 49407, 0],
        [49406, 3092, 8283, 6664, 49407],
        [49406, 14922, 6664, 49407, 0],
    ]
    assert mask.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]


def test_known_ids_are_the_tokenizers():
    tokenizer = pytest.importorskip("instant_clip_tokenizer").Tokenizer()
    for prompt, row in zip(DEFAULT_PROMPTS, tokenize(DEFAULT_PROMPTS).ids, strict=True):
        assert [token for token in row if token][1:-1] == tokenizer.encode(prompt)


def test_case_and_spaces_do_not_matter():
    np.testing.assert_array_equal(tokenize([" White   STEAM"]).ids, [[49406, 1579, 6972, 49407]])


def test_a_prompt_without_words_is_start_and_end_of_text():
    ids, mask = tokenize([EMPTY_PROMPT, "white steam"])
    assert ids.tolist() == [[49406, 49407, 0, 0], [49406, 1579, 6972, 49407]]
    assert mask.sum(axis=1).tolist() == [2, 4]


def test_new_prompts_end_with_the_largest_id():
    pytest.importorskip("instant_clip_tokenizer")
    ids, mask = tokenize(["a plume of methane", "white steam"])
    np.testing.assert_array_equal(ids.argmax(axis=1), mask.sum(axis=1) - 1)


def test_sixteen_positions_at_most():
    pytest.importorskip("instant_clip_tokenizer")
    assert tokenize(["gas " * 14]).ids.shape == (1, 16)
    with pytest.raises(UserError, match=r"has 17 tokens.*limit is 16: use fewer words"):
        tokenize(["gas " * 15])


@pytest.mark.parametrize(("prompts", "message"), [([], "no prompts: give at least one"), (["  "], "empty prompt")])
def test_nothing_to_look_for(prompts, message):
    with pytest.raises(UserError, match=message):
        tokenize(prompts)


def test_missing_tokenizer_names_the_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, "instant_clip_tokenizer", None)
    with pytest.raises(UserError, match=r"'grey plume' needs the CLIP tokenizer: pip install instant-clip-tokenizer"):
        tokenize(["grey plume"])
