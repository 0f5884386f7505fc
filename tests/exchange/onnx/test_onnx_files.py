"""What an exported file holds beside the network: answers, the map, metadata, a golden input."""

import base64
import json
import zlib

import numpy as np
import pytest
from exchange_engines import in_onnxruntime, lively, session_of

import clearconv as cc
from clearconv.data import Preprocessing
from clearconv.data.images.given_image import image_pixels
from clearconv.explain import grad_cam

CLASSES = ["bird", "cat", "dog"]


def trained(*head, **settings):
    """Return a model as a run leaves it."""
    model = cc.Sequential(cc.Conv2d(8, 3, stride=2, bias=False), cc.BatchNorm2d(), cc.ReLU(), *head)
    how = Preprocessing(size=(30, 40), **settings)
    lively(model.build((3, 30, 40), seed=2))
    model.info.update(classes=CLASSES, preprocessing=how.to_dict())
    return model, how


def linear_head():
    return cc.GlobalAvgPool2d(), cc.Flatten(), cc.Dropout(0.2), cc.Linear(3)


PICTURE = np.random.default_rng(0).integers(0, 256, (290, 333, 3), dtype=np.uint8)


@pytest.mark.parametrize("batch", [False, True])
def test_the_answers_are_those_of_predict(batch, tmp_path):
    model, _ = trained(*linear_head())
    model.save(tmp_path / "model.safetensors")
    (ours,) = cc.train.predict(tmp_path / "model.safetensors", [PICTURE])
    model.export_onnx(tmp_path / "a.onnx", batch=batch)
    found = in_onnxruntime(
        (tmp_path / "a.onnx").read_bytes(), {"image": PICTURE[None] if batch else PICTURE}
    )
    assert {name: value.shape for name, value in found.items()} == {
        "logits": (1, 3)[not batch :],
        "probabilities": (1, 3)[not batch :],
        "class_index": (1,)[not batch :],
        "activation_map": (1, 30, 40)[not batch :],
    }
    found = {name: value[0] if batch else value for name, value in found.items()}
    np.testing.assert_allclose(found["probabilities"], ours.probabilities, atol=1e-6)
    assert CLASSES[int(found["class_index"])] == ours.best[0]


HEADS = {
    "linear": linear_head(),
    "adaptive": (cc.AdaptiveAvgPool2d(1), cc.Flatten(), cc.Linear(3, bias=False)),
    "maps": (cc.Conv2d(3, 1), cc.ReLU(), cc.GlobalAvgPool2d(), cc.Flatten()),
    "block": (cc.Residual(cc.Conv2d(8, 3, padding=1), activation="silu"), *linear_head()),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("options", [{}, {"batch_norm": "keep", "input": "tensor"}], ids=str)
def test_the_activation_map_is_our_grad_cam(head, options, tmp_path):
    model, how = trained(*cc.Sequential(*head).children.values())
    x = how(image_pixels(PICTURE, how))
    model.export_onnx(tmp_path / "a.onnx", **options)
    feeds = {"x": x[None]} if options else {"image": PICTURE}
    found = in_onnxruntime((tmp_path / "a.onnx").read_bytes(), feeds)["activation_map"]
    expected = grad_cam(model, x)
    assert expected.max() > 0
    np.testing.assert_allclose(found.reshape(30, 40), expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    "head",
    [
        (cc.Flatten(), cc.Linear(3)),
        (cc.GlobalAvgPool2d(), cc.Flatten(), cc.Linear(4, activation="relu"), cc.Linear(3)),
        (cc.AdaptiveAvgPool2d(2), cc.Flatten(), cc.Linear(3)),
    ],
)
def test_another_head_has_no_activation_map(head, tmp_path):
    model, _ = trained(*head)
    model.export_onnx(tmp_path / "a.onnx")
    names = [value.name for value in session_of((tmp_path / "a.onnx").read_bytes()).get_outputs()]
    assert names == ["logits", "probabilities", "class_index"]


def test_a_network_that_gives_maps_has_logits_alone(tmp_path):
    model = cc.Sequential(cc.Conv2d(2, 1)).build((3, 5, 5))
    model.export_onnx(tmp_path / "a.onnx")
    (output,) = session_of((tmp_path / "a.onnx").read_bytes()).get_outputs()
    assert (output.name, output.shape) == ("logits", [1, 2, 5, 5])


def test_the_metadata_say_what_the_file_is(tmp_path):
    model, how = trained(*linear_head())
    model.export_onnx(tmp_path / "a.onnx", test={"accuracy": 0.75, "images": 40})
    held = session_of((tmp_path / "a.onnx").read_bytes()).get_modelmeta()
    about = held.custom_metadata_map
    assert held.producer_name == "clearconv"
    assert json.loads(about["labels"]) == CLASSES
    assert Preprocessing.from_dict(json.loads(about["preprocessing"])) == how
    assert about["weights_sha256"] == model.store.fingerprint()
    assert json.loads(about["test"]) == {"accuracy": 0.75, "images": 40}
    assert json.loads(about["versions"])["clearconv"] == cc.__version__
    assert json.loads(about["options"])["opset"] == 17


@pytest.mark.parametrize("weights", ["float32", "float16", "bf16"])
@pytest.mark.parametrize("batch_norm", ["fold", "keep"])
def test_the_golden_picture_gives_its_logits(weights, batch_norm, tmp_path):
    """They are computed from the numbers of the file, so that rounded weights are no drift."""
    model, _ = trained(*linear_head())
    model.export_onnx(tmp_path / "a.onnx", weights=weights, batch_norm=batch_norm)
    session = session_of((tmp_path / "a.onnx").read_bytes())
    golden = json.loads(session.get_modelmeta().custom_metadata_map["golden"])
    codes = zlib.decompress(base64.b64decode(golden["zlib"]))
    picture = np.frombuffer(codes, np.uint8).reshape(golden["shape"])
    assert min(picture.shape[:2]) > 256  # it is reduced first
    (logits,) = session.run(["logits"], {"image": picture})
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-5)


def test_two_exports_of_a_model_are_the_same_bytes(tmp_path):
    model, _ = trained(*linear_head())
    for name in ("a.onnx", "b.onnx"):
        model.export_onnx(tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_pictures_need_a_preprocessing_of_this_definition(tmp_path):
    model, how = trained(*linear_head(), definition=1)
    with pytest.raises(cc.DataError, match=r"definition 1.*`input='tensor'`"):
        model.export_onnx(tmp_path / "a.onnx")
    model.export_onnx(tmp_path / "a.onnx", input="tensor")
    del model.info["preprocessing"]
    with pytest.raises(cc.DataError, match="does not say how its images are prepared"):
        model.export_onnx(tmp_path / "a.onnx", input="image")
    model.info["preprocessing"] = Preprocessing(size=(31, 40)).to_dict()
    with pytest.raises(cc.DataError, match=r"gives \(3, 31, 40\), but its network takes"):
        model.export_onnx(tmp_path / "a.onnx")
    assert how.definition == 1


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(cc.ModelFileError, match=r"none/a\.onnx: the folder .*none does not exist"):
        trained(*linear_head())[0].export_onnx(tmp_path / "none" / "a.onnx")
