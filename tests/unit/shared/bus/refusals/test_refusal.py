"""What errors of Redis and of Valkey, old and new, mean."""

import pytest

from shared.bus.refusals.refusal import RefusedError, classify, refuse

SCRIPT_OF_6_2 = "ERR Error running script (call to f_8e): @user_script:14: @user_script: 14: -"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("LOADING Redis is loading the dataset in memory", "LOADING"),
        ("Redis is loading the dataset in memory", "LOADING"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
        (f"{SCRIPT_OF_6_2}OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
        ("OOM command not allowed when used memory > 'maxmemory'. script: 8e, on @user_s", "OOM"),
        ("READONLY You can't write against a read only replica.", "READONLY"),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is", "MASTERDOWN"),
        ("CLUSTERDOWN Hash slot not served", "CLUSTERDOWN"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "MOVED"),
        ("MOVED 3999 127.0.0.1:6381", "MOVED"),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL", "BUSY"),
        ("MISCONF Errors writing to the AOF file: No space left on device", "MISCONF"),
        ("NOREPLICAS Not enough good replicas to write.", "NOREPLICAS"),
        ("ERR max number of clients reached", "MAXCLIENTS"),
        ("max number of clients reached", "MAXCLIENTS"),
        ("NOAUTH Authentication required.", "NOAUTH"),
        ("Authentication required.", "NOAUTH"),
        ("WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS"),
        ("invalid username-password pair or user is disabled.", "WRONGPASS"),
        ("AUTH <password> called without any password configured for the default", "WRONGPASS"),
        ("DENIED Redis is running in protected mode because protected mode is", "DENIED"),
        ("DB index is out of range", "SELECT"),
        ("SELECT is not allowed in cluster mode", "SELECT"),
        ("NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT"),
        ("ERR unknown command `ZMSCORE`, with args beginning with: `k`, ", "UNKNOWN"),
        ("NOPERM No permissions to access a key", "NOPERM"),
        ("NOPERM ACL failure in script: User g has no permissions to run the 'zadd'", "NOPERM"),
        (f"{SCRIPT_OF_6_2}NOPERM The user executing the script can't run this", "NOPERM"),
        # About the command only.
        ("BUSYGROUP Consumer Group name already exists", None),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", None),
        ("ERR wrong number of arguments for 'hset' command", None),
        ("NOGROUP No such key 'chargelight:check' or consumer group 'g'", None),
        ("ERR no such key", None),
    ],
)
def test_an_error_has_a_meaning(error: str, code: str | None) -> None:
    refusal = classify(error)
    assert (refusal and refusal.code) == code
    assert refusal is None or (refusal.reason and refusal.remedy)


@pytest.mark.parametrize(
    ("name", "error", "right"),
    [
        ("store", "NOPERM User g has no permissions to run the 'zadd' command", "+zadd"),
        ("SCRIPT LOAD", "NOPERM User g has no permissions to run the 'script|load' c", "+script"),
        # Before Redis 7.
        (
            "SCRIPT LOAD",
            "NOPERM this user has no permissions to run the 'script' command or its",
            "",
        ),
        ("HGET", "NOPERM this user has no permissions to access one of the keys used as", "~"),
        ("PUBLISH", "NOPERM this user has no permissions to access one of the channels us", "&"),
        ("PUBLISH", "NOPERM No permissions to access a channel", "&CHANNEL"),
    ],
)
def test_a_missing_right_is_named_as_an_acl_takes_it(name: str, error: str, right: str) -> None:
    with pytest.raises(RefusedError) as caught:
        refuse([(name, error)])
    assert caught.value.refusal.is_setting
    assert (right or "+script|load") in str(caught.value)


def test_an_unknown_command_is_named_without_its_arguments() -> None:
    refusal = classify("ERR unknown command 'HSET', with args beginning with: 'opensesame' ")
    assert refusal is not None
    assert "HSET" in refusal.reason
    assert "opensesame" not in str(refusal)
