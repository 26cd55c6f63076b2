"""The commands: ``openwx serve``, ``simulate``, ``crash-test``, ``check-config``, ``status``, ``doctor``, ``outbox``
and ``logout``."""

import argparse
import asyncio
import contextlib
import gc
import os
import random
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openwx import __version__
from openwx.config import Listen, Loaded, describe, load
from openwx.errors import ConfigError, WeChatError

if TYPE_CHECKING:
    from openwx.simulator import Simulator

EXIT_CONFIG = 2
_GROUP_SIZES = ("biggest_group", "group_members")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code: 0, 1 for a failure, 2 for a wrong setting."""
    args = _parser().parse_args(arguments)
    try:
        result: int = args.command(args)
    except ConfigError as error:
        print(f"openwx: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except KeyboardInterrupt:
        return 130
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openwx", description="A self-hosted HTTP gateway for a personal WeChat account."
    )
    parser.add_argument("--version", action="version", version=f"openwx {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="log in to WeChat and serve the /openwx API")
    serve.add_argument("--config", type=Path, metavar="FILE", help="default: ./config.toml")
    serve.add_argument("--host", help="listen on this address only")
    serve.add_argument("--port", help="listen on this port only (0: any free one)")
    serve.add_argument(
        "--demo", action="store_true", help="use a simulated WeChat: no account is needed"
    )
    serve.set_defaults(command=_serve)

    status = commands.add_parser(
        "status", help="how the running gateway is: exit code 0 ready, 1 not ready, 2 not reached"
    )
    status.add_argument("--json", action="store_true", help="for programs")
    status.add_argument("--config", type=Path, metavar="FILE")
    status.set_defaults(command=_status)

    doctor = commands.add_parser(
        "doctor", help="look for what is wrong with the configuration and around it"
    )
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument("--config", type=Path, metavar="FILE")
    doctor.set_defaults(command=_doctor)

    logout = commands.add_parser(
        "logout", help="end the saved login at WeChat (openwx must be stopped)"
    )
    logout.add_argument("--config", type=Path, metavar="FILE")
    logout.set_defaults(command=_logout)

    outbox = commands.add_parser(
        "outbox", help="look at deliveries that failed, send them again, or drop them"
    )
    outbox.add_argument("do", choices=["list", "show", "retry", "drop"])
    outbox.add_argument("ids", nargs="*", type=_upload_id, metavar="ID", help="of deliveries")
    outbox.add_argument("--all", action="store_true", help="all that failed (retry, drop)")
    outbox.add_argument("--waiting", action="store_true", help="list what is still tried instead")
    outbox.add_argument("--client", metavar="NAME", help="of which account")
    outbox.add_argument("--config", type=Path, metavar="FILE")
    outbox.set_defaults(command=_outbox)

    simulate = commands.add_parser("simulate", help="run a simulated WeChat service")
    simulate.add_argument("--host", default="127.0.0.1")
    simulate.add_argument("--port", type=_port, default=3080, help="default: 3080; 0: any free one")
    simulate.add_argument("--seed", type=int, default=1, help="of the population")
    simulate.add_argument("--friends", type=_count, default=30, help="how many")
    simulate.add_argument("--groups", type=_count, default=6, help="how many")
    simulate.add_argument("--members", type=_count, metavar="N", help="at most so many in a group")
    simulate.add_argument(
        "--manual", action="store_true", help="the phone scans only when the control API says so"
    )
    simulate.add_argument(
        "--chatter", type=float, metavar="SECONDS", help="somebody writes about so often"
    )
    simulate.set_defaults(command=_simulate)

    crash = commands.add_parser(
        "crash-test", help="kill a gateway at random moments and show that nothing is lost (POSIX)"
    )
    crash.add_argument("--kills", type=_count, default=20, help="how many SIGKILLs; default: 20")
    crash.add_argument("--seed", type=int, help="repeat the draws of an earlier run")
    crash.add_argument("--folder", type=Path, help="keep logs and data here")
    crash.set_defaults(command=_crash_test)

    check = commands.add_parser("check-config", help="check the configuration and show it")
    check.add_argument("--config", type=Path, metavar="FILE")
    check.set_defaults(command=_check_config)
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 65535, not {text!r}")


def _count(text: str) -> int:
    if text.isdecimal() and int(text) <= 100_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 100000, not {text!r}")


def _upload_id(text: str) -> int:
    if text.isdecimal() and 0 < len(text) <= 18:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be the number of a delivery, not {text!r}")


def _load(args: argparse.Namespace, **overrides: Any) -> Loaded:
    loaded = load(args.config, os.environ, overrides)
    for warning in loaded.warnings:
        print(f"openwx: warning: {warning}", file=sys.stderr)
    return loaded


def _serve(args: argparse.Namespace) -> int:
    loaded = _load(args, host=args.host, port=args.port)
    settings = loaded.settings
    with undisturbed():
        from openwx import logs, service
    try:
        logs.set_up(
            settings.log_level, path=settings.log_path, json_lines=settings.log_format == "json"
        )
    except OSError as error:
        raise ConfigError(f"log_path {settings.log_path}: {error.strerror or error}") from None
    if args.demo:
        from openwx import demo

        chosen = args.port is not None or "listen" in settings.model_fields_set
        return _run(demo.serve(settings, port_is_chosen=chosen))
    return _run(service.serve(settings))


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """What takes long to import is imported by the command that needs it: here without garbage collections, as it
    is no garbage, and later ones need not look at it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _status(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    from openwx import status

    return status.main(settings, as_json=args.json)


def _doctor(args: argparse.Namespace) -> int:
    from openwx import doctor

    return doctor.main(args.config, os.environ, as_json=args.json)


def _logout(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    from openwx import logs, service

    logs.set_up("info")
    try:
        return _run(service.log_out(settings))
    except WeChatError as error:
        print(f"openwx: still logged in: {error}", file=sys.stderr)
        return 1


def _outbox(args: argparse.Namespace) -> int:
    if args.do != "list" and bool(args.ids) == args.all:
        raise ConfigError(f"outbox {args.do}: give the ids of deliveries, or --all")
    if args.do == "show" and (args.all or len(args.ids) != 1):
        raise ConfigError("outbox show: give the id of one delivery")
    settings = _load(args).settings
    from openwx import outbox

    ids = None if args.all else args.ids
    state: outbox.State = "waiting" if args.waiting else "failed"
    return outbox.main(settings, args.do, ids, args.client, state)


def _simulate(args: argparse.Namespace) -> int:
    from openwx import logs, simulator

    logs.set_up("info")
    sizes = {} if args.members is None else dict.fromkeys(_GROUP_SIZES, args.members)
    work = simulator.serve(
        args.host,
        args.port,
        seed=args.seed,
        friends=args.friends,
        groups=args.groups,
        auto_scan=not args.manual,
        chatter_s=args.chatter,
        on_ready=_announce_simulator,
        **sizes,
    )
    try:
        return _run(work)
    except OSError as error:
        raise ConfigError(f"{args.host}:{args.port}: {error.strerror or error}") from None


def _crash_test(args: argparse.Namespace) -> int:
    if not hasattr(signal, "SIGKILL"):
        raise ConfigError("crash-test: this system has no SIGKILL")
    from openwx import crashtest

    seed = random.SystemRandom().randrange(1, 10**6) if args.seed is None else args.seed
    return crashtest.main(crashtest.Plan(seed, args.kills, args.folder))


def _announce_simulator(simulator: "Simulator") -> None:
    url = simulator.url
    print(
        f"A simulated WeChat runs at {url}\n\n"
        f"  its phone, in a browser:  {simulator.page_url}\n\n"
        f"  point openwx at it:   OPENWX_ACCOUNTS__DEFAULT__BASE_URL={url} openwx serve\n"
        f'  let a friend write:   curl -d \'{{"friend":"小灰","text":"你好"}}\' {url}/_simulator/friend/says\n'
        f"  everything else:      curl {url}/_simulator/state",
        flush=True,
    )
    if not Listen(host=simulator.host).is_loopback:
        print(
            f"openwx: warning: who reaches {url} can do all of this; it has no password",
            file=sys.stderr,
        )


def _check_config(args: argparse.Namespace) -> int:
    print(describe(load(args.config, os.environ, {})))
    return 0


def _run(work: Coroutine[Any, Any, None]) -> int:
    """Run until done; SIGINT and SIGTERM cancel it, once, and that is no failure."""
    try:
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            runner.run(_until_told(work))
    except BaseExceptionGroup as group:
        wrong = _first(group, ConfigError)
        if wrong is not None:
            raise wrong from None
        raise
    return 0


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """That of uvloop where it is installed (the extra ``fast``); else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return new_event_loop


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    is_told = False

    def stop() -> None:
        nonlocal is_told
        if not is_told:  # to cancel once more would cut off the good order of the end
            task.cancel()
        is_told = True

    for name in ("SIGINT", "SIGTERM"):
        try:
            loop.add_signal_handler(getattr(signal, name), stop)
        except NotImplementedError:  # Windows: Ctrl-C comes as KeyboardInterrupt
            break
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def _first(group: BaseExceptionGroup[BaseException], kind: type[ConfigError]) -> ConfigError | None:
    found = group.subgroup(kind)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]  # type: ignore[assignment]
    return found


if __name__ == "__main__":
    sys.exit(main())
