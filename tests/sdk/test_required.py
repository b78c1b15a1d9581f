"""A missing SDK fails the run where SDKs are required, and is left out elsewhere: a suite that skips all is not green by that."""

from collections.abc import Callable

import pytest

from tests.support.sdk import REQUIRED, conductor_node, conductor_py, javascript_with_sdk, python_with_sdk


@pytest.mark.parametrize("find", [python_with_sdk, javascript_with_sdk, conductor_py, conductor_node])
def test_a_missing_sdk_fails_where_it_is_required(find: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGEDOOR_SDK_PYTHON", "/nowhere/python")
    monkeypatch.setenv("STAGEDOOR_SDK_JAVASCRIPT", "/nowhere")
    monkeypatch.setenv("STAGEDOOR_CONDUCTOR_PY", "/nowhere/python")
    monkeypatch.setenv("STAGEDOOR_CONDUCTOR_NODE", "/nowhere")
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="/nowhere"):
        find()
    monkeypatch.delenv(REQUIRED)
    with pytest.raises(pytest.skip.Exception):
        find()
