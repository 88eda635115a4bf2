from tunesmith.checks import bind_check, follows_loosely, loose_variants


def test_the_variants_drop_lines_and_asterisks():
    assert loose_variants("Sure:\n*one*\ntwo\nBye!") == (
        "Sure:\n*one*\ntwo\nBye!",
        "*one*\ntwo\nBye!",
        "Sure:\n*one*\ntwo",
        "*one*\ntwo",
        "Sure:\none\ntwo\nBye!",
        "one\ntwo\nBye!",
        "Sure:\none\ntwo",
        "one\ntwo",
    )


def test_variants_that_say_nothing_are_no_variants():
    assert loose_variants("only") == ("only",)
    assert loose_variants("*\n**") == ("*\n**", "**", "*")
    assert loose_variants(" \n ") == ()


def test_an_opening_line_costs_nothing_loosely():
    quoted = bind_check("startend:quotation")
    answer = 'Here you are:\n"It rains."'
    assert not quoted.follows("", answer)
    assert follows_loosely(quoted, "", answer)


def test_what_no_variant_follows_is_not_followed():
    assert not follows_loosely(bind_check("punctuation:no_comma"), "", "a, b\nc, d\ne, f")
    assert not follows_loosely(
        bind_check("length_constraints:number_words", {"num_words": 9, "relation": "less than"}), "", ""
    )
