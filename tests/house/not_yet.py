"""What the rules still let pass, by rule: files that are being mended. Nothing may be added."""

NOT_YET = {
    "upward": (),
    "late": (),
    "circle": (),
    "private": ("ops.conv_block", "ops.conv_transpose2d"),
    "doors": (),
    "hidden": (),
    "flags": (),
    "files of a run": ("saving.model_file",),
    "chapters": (),
}


def left(found, rule):
    """Return what was found in files that have no exception."""
    excepted = {f"clearconv.{name}" for name in NOT_YET[rule]}
    return [one for one in found if one.split(":")[0].split()[0] not in excepted]
