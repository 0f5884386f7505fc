from clearconv.words import amount, counted, cut, duration, meant, some


def test_times_have_two_digits():
    assert [duration(s) for s in (0.014, 0.97, 3, 25.4, 99, 430, 5000, 7600)] == [
        "0.014 s", "1.0 s", "3.0 s", "25 s", "99 s", "7.2 min", "83 min", "2.1 h",
    ]  # fmt: skip


def test_bytes_and_counts():
    assert [amount(n) for n in (640 << 20, 1181 << 20)] == ["640 MiB", "1.2 GiB"]
    assert [counted(n, "image") for n in (0, 1, 1200)] == ["0 images", "1 image", "1,200 images"]
    assert counted(3, "class", "classes") == "3 classes"


def test_of_many_names_some_are_listed():
    assert some([]) == "nothing"
    assert some("abc", 3) == "a, b, c"
    assert some("abcd", 3) == "a, b, c and 1 more"


def test_a_misspelt_name_is_asked_for():
    assert meant("cnv1", ["conv1", "relu1"]) == " Did you mean 'conv1'?"
    assert meant("softmax", ["conv1", "relu1"]) == meant("x", []) == ""


def test_a_long_text_loses_its_middle():
    assert cut("short") == "short"
    assert cut("a" * 50 + "b" * 50, 15) == "aaaaa ... bbbbb"
