# Copyright: (c) 2026, lvs.cluster contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret of keepalived's configuration is shown, in whatever way it is written."""

from __future__ import annotations

import re

import pytest
from ansible_collections.lvs.cluster.plugins.module_utils._secrets import Mask
from hypothesis import given
from hypothesis import strategies as st

#: Pieces of secrets. Nothing else in a text has an S with digits.
PIECES = st.integers(100, 999).map("S{}".format)
BLANKS = st.sampled_from([" ", "\t", "  "])


@st.composite
def definitions(draw, value):
    """Return a word that stands for a value, and the lines of its definitions."""
    lines = []
    for name in draw(
        st.lists(st.sampled_from(["P", "PW", "_p2", "KEY", "x"]), max_size=4, unique=True)
    ):
        before, after = draw(st.sampled_from(["", "@d23 ", "# ", "\t"])), draw(BLANKS)
        equals = draw(st.sampled_from(["=", "= ", " = ", " ="]))
        if draw(st.booleans()):
            value = value.replace("S", "\\\n" + after + "S", 1)
        lines.insert(0, f"{before}${name}{equals}{value}")
        use = draw(st.sampled_from(["${%s}", "$%s"])) % name
        value = draw(st.sampled_from(["", "S123"])) + use + draw(st.sampled_from(["", "-S456"]))
    return value, lines


@st.composite
def texts(draw):
    """Return a configuration that has secrets."""
    words = draw(st.lists(PIECES, min_size=1, max_size=3))
    value, lines = draw(definitions("".join(words)))
    keyword = draw(
        st.sampled_from(
            ["auth_pass", "password", "active_key", "key", "key 1", "auth_hmac { key 2"]
        )
    )
    if draw(st.booleans()):
        value = (
            f'"{value}{draw(st.sampled_from(["", " S555", "}S9", chr(92) + chr(34) + "S777"]))}"'
        )
    if draw(st.booleans()) and keyword.isidentifier():
        lines += [f"$_K={keyword}"]
        keyword = "$_K"
    elif draw(st.booleans()):
        lines += [f"$_H={keyword[:3]}"]
        keyword = "${_H}" + keyword[3:]
    goes_on = draw(st.sampled_from(["", "\\\n  "]))
    end = draw(st.sampled_from(["", " }", "  # was S999", "\r", " \\\nS888"]))
    statement = f"  {keyword}{draw(BLANKS)}{goes_on}{value}{end}"
    place = draw(st.integers(0, 1))
    return "\n".join(
        [
            *lines[: place * 9],
            "virtual_server 192.168.2.149 80 {",
            statement,
            "}",
            *lines[place * 9 :],
        ]
    )


@given(texts())
def test_no_spelling_shows_a_secret(text):
    shown = Mask()(text)
    assert not re.search(r"S\d", shown), (text, shown)
    assert shown.count("\n") == text.count("\n")
    assert "virtual_server 192.168.2.149 80 {\n" in shown


@given(
    PIECES,
    st.sampled_from(["script", "misc_path", "notify_master", "quorum_up", "shutdown_script"]),
)
def test_no_argument_of_a_script_shows_a_secret(secret, keyword):
    for arguments in (
        f"--token {secret}",
        f"--token={secret} --port 80",
        f"-p{secret}",
        f"-u root:{secret}",
        f"-H 'Authorization: Bearer {secret}' https://x/",
        f"https://root:{secret}@x/",
        f'${{T}}" # {secret}\n$T={secret}',
        f"$T\\\n  {secret}",
    ):
        shown = Mask()(f'  {keyword} "/usr/bin/check {arguments}"\n')
        assert secret not in shown
        assert f'{keyword} "/usr/bin/check ' in shown


@pytest.mark.parametrize(
    "text",
    [
        "virtual_server 192.168.2.149 80 {\n  lb_algo wrr # key\n  quorum 2\n}",
        "$VIP=192.168.2.149\nvirtual_server $VIP 1111 {\n}",
        'vrrp_script chk_key {\n  script "/usr/bin/pgrep --exact -u /etc/key"\n  weight -60\n}',
        "vrrp_script password {\n  interval 1\n}\nscript_user keepalived_script\n",
        "notify_fifo /run/fifo\nurl {\n  path /key?a=b\n}",
    ],
)
def test_other_words_than_secrets_are_shown(text):
    assert Mask()(text) == text


def test_a_token_in_a_query_is_hidden():
    assert Mask()("path /x?api_key=abc&y=1") == "path /x?api_key=<secret 1>&y=1"


def test_an_everyday_argument_stays_in_messages_of_keepalived():
    mask = Mask()
    mask('script "/usr/bin/pgrep nginx"\nscript "/x verysecret"\nauth_pass abc\n')
    assert mask.words("nginx verysecret abc") == "nginx <secret 2> <secret 3>"


def test_commands_in_options_are_shown_without_their_arguments():
    options = {
        "scripts": [{"name": "nginx", "command": "/usr/bin/pgrep nginx", "interval": 1}],
        "instances": [{"notify_master": "/x abc", "notify": {"command": "/y a", "user": "b"}}],
        "services": [{"check": {"type": "http", "path": "/z"}, "quorum_up": "/q s"}],
    }
    assert Mask().options(options) == {
        "scripts": [{"name": "nginx", "command": "/usr/bin/pgrep <secret 1>", "interval": 1}],
        "instances": [
            {"notify_master": "/x <secret 2>", "notify": {"command": "/y <secret 3>", "user": "b"}}
        ],
        "services": [{"check": {"type": "http", "path": "/z"}, "quorum_up": "/q <secret 4>"}],
    }
