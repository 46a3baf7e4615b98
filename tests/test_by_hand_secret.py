"""What administrators do with virsh secret-…, done with manifests and looked at without kvmctl."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

VALUE = "s3cr3t passphrase!"
FROM_ENV = {"secret/a": "usage: ceph, value: {env: KVMCTL_TEST_VALUE}"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMCTL_TEST_VALUE", VALUE)


def secret(conn: Any, usage: str) -> Any:
    """Return libvirt's secret of a usage."""
    return next(each for each in conn.listAllSecrets() if each.usageID() == usage)


@pytest.mark.parametrize(
    ("source", "held"),
    [
        ("env: KVMCTL_TEST_VALUE", VALUE.encode()),
        ("file: key.txt", b"line one\nline two"),
        ("file: key.txt, encoding: binary", b"line one\nline two\n"),
        ("file: key.b64, encoding: base64", b"\x00\x01\xff"),
        ("command: [cat, key.b64]", b"AAH/"),
        ("command: [sh, -c, 'printf %s \"$KVMCTL_TEST_VALUE\"; echo noise >&2']", VALUE.encode()),
    ],
)
def test_a_new_secret_gets_its_value(kvmctl: Any, conn: Any, tmp_path: Path, source: str, held: bytes) -> None:
    (tmp_path / "key.txt").write_bytes(b"line one\nline two\n")
    (tmp_path / "key.b64").write_bytes(b"AAH/\n")
    kvmctl.apply({"secret/a": f"usage: tls, value: {{{source}}}"})
    assert secret(conn, "a").value() == held


def test_a_private_secret_is_made_private_once_it_has_its_value(kvmctl: Any, conn: Any) -> None:
    import libvirt

    wanted = {"secret/a": "usage: ceph, private: true, value: {env: KVMCTL_TEST_VALUE}"}
    kvmctl.apply(wanted)
    with pytest.raises(libvirt.libvirtError) as caught:
        secret(conn, "a").value()
    assert caught.value.get_error_code() == libvirt.VIR_ERR_INVALID_SECRET
    secret(conn, "a").undefine()
    # What an apply leaves that was killed halfway: the next one finishes it.
    half = conn.secretDefineXML("<secret><usage type='ceph'><name>a</name></usage></secret>")
    told = kvmctl.json("apply", "--yes", specs=wanted)
    assert [each["operation"] for each in told["actions"]] == ["set-value", "redefine"]
    assert "private='yes'" in half.XMLDesc()


def test_a_value_that_differs_is_set_and_one_that_is_right_is_left(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(FROM_ENV)
    held = secret(conn, "a")
    assert "No changes" in kvmctl.run("apply", "--yes", specs=FROM_ENV).stdout
    held.setValue(b"another")
    assert "No changes" in kvmctl.run("plan", specs=FROM_ENV).stdout
    told = kvmctl.json("apply", "--yes", specs=FROM_ENV)["actions"]
    assert [(each["operation"], each["disruption"]) for each in told] == [("set-value", "next-boot")]
    assert held.value() == VALUE.encode()
    kvmctl.run("apply", "--yes", specs={"secret/a": "usage: ceph, description: no value stated"})
    assert held.value() == VALUE.encode()


def test_the_value_is_nowhere_to_be_seen(kvmctl: Any, conn: Any, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    told = [
        kvmctl.run("plan", "--out", str(plan), specs=FROM_ENV),
        kvmctl.run("plan", "-o", "json", specs=FROM_ENV),
        kvmctl.run("plan", "-o", "commands", specs=FROM_ENV),
        kvmctl.run("apply", "--yes", specs=FROM_ENV),
        kvmctl.run("get", "secret", "-o", "yaml"),
        kvmctl.run("delete", "--yes", "secret/a"),
    ]
    assert conn.listAllSecrets() == []
    for each in told:
        assert VALUE not in each.stdout + each.stderr
    assert VALUE not in plan.read_text()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("env: KVMCTL_NOT_THERE", "its value is to come from KVMCTL_NOT_THERE, which is not in the environment"),
        ("file: nothing.txt", "nothing.txt: No such file or directory"),
        ("file: /dev/null", "secret/a: its value is empty"),
        ("command: [kvmctl-no-such-program]", "which can't be run: No such file or directory"),
        ("command: [sh, -c, 'echo $KVMCTL_TEST_VALUE | tee /dev/stderr; exit 7']", "failed with exit code 7"),
        ("env: KVMCTL_TEST_VALUE, encoding: base64", "secret/a: its value is not base64"),
        ("command: [head, -c, '65537', /dev/zero], encoding: binary", "is longer than 65536 bytes"),
    ],
)  # fmt: skip
def test_nothing_is_made_where_the_value_cannot_be_had(kvmctl: Any, conn: Any, source: str, said: str) -> None:
    told = kvmctl.run("apply", "--yes", specs={"secret/a": f"usage: ceph, value: {{{source}}}"}, code=1)
    output = told.stdout + told.stderr
    assert said in output
    assert VALUE not in output
    assert conn.listAllSecrets() == []


def test_the_longest_value_is_kept(kvmctl: Any, conn: Any) -> None:
    wanted = {"secret/a": "usage: ceph, value: {command: [head, -c, '65536', /dev/zero], encoding: binary}"}
    kvmctl.apply(wanted)
    assert secret(conn, "a").value() == bytes(65536)


def test_a_passphrase_in_the_manifest_is_refused_without_being_told(kvmctl: Any) -> None:
    told = kvmctl.run("validate", specs={"secret/a": f"usage: ceph, value: {json.dumps(VALUE)}"}, code=1)
    assert "spec.value" in told.stderr
    assert VALUE not in told.stderr


def test_secrets_are_listed_and_the_record_of_kvmctl_is_not(kvmctl: Any, conn: Any) -> None:
    conn.secretDefineXML("<secret><usage type='tls'><name>kvmctl.record</name></usage></secret>")
    conn.secretDefineXML("<secret><usage type='tls'><name>same</name></usage></secret>")
    conn.secretDefineXML("<secret><usage type='ceph'><name>same</name></usage></secret>")
    conn.secretDefineXML("<secret><usage type='volume'><volume>/a/b</volume></usage></secret>")
    uuids = {each.usageType(): each.UUIDString() for each in conn.listAllSecrets() if each.usageID() != "kvmctl.record"}
    import libvirt

    names = {"same", uuids[libvirt.VIR_SECRET_USAGE_TYPE_TLS], uuids[libvirt.VIR_SECRET_USAGE_TYPE_VOLUME]}
    told = kvmctl.json("get", "secret")["items"]
    assert {each["metadata"]["name"] for each in told} == names
    # The one that the manifest means has the name, whichever type comes first.
    same = "usage: tls, description: mine"
    kvmctl.apply({"secret/same": same})
    tls = conn.secretLookupByUUIDString(uuids[libvirt.VIR_SECRET_USAGE_TYPE_TLS])
    assert "<description>mine" in tls.XMLDesc()
    missing = kvmctl.run("delete", "--yes", "secret/kvmctl.record", code=1)
    assert "there is no secret/kvmctl.record" in missing.stderr


def test_a_secret_is_deleted(kvmctl: Any, conn: Any) -> None:
    kvmctl.apply(FROM_ENV)
    told = kvmctl.run("delete", "secret/a", "--yes").stdout
    assert "its value goes with it" in told
    assert conn.listAllSecrets() == []


def test_secrets_are_imported_without_their_values(kvmctl: Any, conn: Any, tmp_path: Path) -> None:
    kvmctl.apply(FROM_ENV)
    conn.secretDefineXML("<secret><usage type='volume'><volume>/a/b</volume></usage></secret>")
    kvmctl.run("import", "--all", "-d", "out")
    told = [path.read_text() for path in (tmp_path / "out").rglob("*.yaml")]
    assert len(told) == 2
    assert not any(VALUE in text for text in told)
    assert not any("value" in yaml.safe_load(text)["spec"] for text in told)
    assert "No changes" in kvmctl.run("plan", "-f", "out").stdout
