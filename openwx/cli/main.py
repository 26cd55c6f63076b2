"""The commands: ``openwx serve``, ``simulate``, ``crash-test``, ``check-config``, ``status``, ``doctor``, ``outbox``,
``cluster``, ``journal``, ``verify-code``, ``mcp`` and ``logout``; for shell scripts ``send``, ``ask``, ``who``,
``tail`` and ``completion``."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openwx.cli.arguments import parser
from openwx.cli.shell import output
from openwx.errors import ConfigError, NotNowError, WeChatError

if TYPE_CHECKING:
    from openwx.config import Loaded
    from openwx.simulator import Simulator

log = logging.getLogger("openwx")

EXIT_NOT_NOW, EXIT_CONFIG = 1, 2
_GROUP_SIZES = ("biggest_group", "group_members")
_SEND_TEXTS = ("send", "ask")
_TAKE_NAMES = ("cluster", "outbox")
"""Python before 3.12.7 takes no more names after an option."""
_PRINT = ("check-config", "cluster", "completion", "doctor", "journal", "outbox", "status")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 for a failure, 2 for a wrong setting."""
    whole = parser()
    args, unknown = whole.parse_known_args(arguments)
    if unknown:
        hint = "; put -- before a TEXT that begins with -" if args.command in _SEND_TEXTS else ""
        if args.command in _TAKE_NAMES and not unknown[0].startswith("-"):
            hint = "; put options behind all names and ids"
        whole.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    if args.command is None:
        whole.print_help()
        return 0
    try:
        if args.command in _PRINT:
            return _printed(_COMMANDS[args.command], args)
        return _COMMANDS[args.command](args)
    except ConfigError as error:
        print(f"openwx: {error}", file=sys.stderr)
        return EXIT_NOT_NOW if isinstance(error, NotNowError) else EXIT_CONFIG
    except KeyboardInterrupt:
        return 130


def _printed(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command that only prints. That its reader leaves, as ``head`` does, is no failure."""
    code = 0
    try:
        code = command(args)
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        output.discard(sys.stdout)
    return code


def _load(args: argparse.Namespace, **overrides: Any) -> "Loaded":
    with undisturbed():
        from openwx.config import load
    loaded = load(args.config, os.environ, overrides)
    for warning in loaded.warnings:
        print(f"openwx: warning: {warning}", file=sys.stderr)
    return loaded


def _serve(args: argparse.Namespace) -> int:
    if args.transport and not args.demo:
        raise ConfigError(
            "--transport is only for --demo; for an account, set transport under [accounts.NAME]"
        )
    loaded = _load(args, host=args.host, port=args.port)
    settings = loaded.settings
    with undisturbed():
        from openwx import logs, service
    collect_seldom()
    try:
        logs.set_up(
            settings.log_level, path=settings.log_path, json_lines=settings.log_format == "json"
        )
    except OSError as error:
        raise ConfigError(f"log_path {settings.log_path}: {error.strerror or error}") from None
    for line in loaded.advice:
        log.warning("%s", line)
    if args.demo:
        from openwx.cli import demo

        chosen = args.port is not None or "listen" in settings.model_fields_set
        transport = args.transport or "web"
        return _run(demo.serve(settings, port_is_chosen=chosen, transport=transport))
    return _run(service.serve(settings))


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Import without garbage collection, and keep later collections from scanning what was imported."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def collect_seldom() -> None:
    """Collect garbage after 10,000 new objects instead of 700: the 64 reports of one commit hold that many alive, so
    more frequent collections free nothing."""
    gc.set_threshold(10_000, 20, 10)


def _status(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    from openwx.cli import status

    return status.main(settings, as_json=args.json)


def _doctor(args: argparse.Namespace) -> int:
    from openwx.cli import doctor

    return doctor.main(args.config, os.environ, as_json=args.json)


def _logout(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    from openwx import logs
    from openwx.cli import logout

    logs.set_up("info")
    try:
        return _run(logout.log_out(settings, args.client))
    except WeChatError as error:
        print(f"openwx: still logged in: {error}", file=sys.stderr)
        return 1


def _outbox(args: argparse.Namespace) -> int:
    if args.do == "list" and args.ids:
        raise ConfigError("outbox list takes no ids; to see one delivery: openwx outbox show ID")
    if args.yes and (args.do != "drop" or not args.all):
        raise ConfigError("--yes is only for: openwx outbox drop --all")
    if args.do != "list" and bool(args.ids) == args.all:
        raise ConfigError(f"outbox {args.do}: give the ids of deliveries, or --all")
    if args.do == "show" and (args.all or len(args.ids) != 1):
        raise ConfigError("outbox show: give the id of one delivery")
    settings = _load(args).settings
    from openwx.cli import outbox

    asked = outbox.OutboxCommand(
        command=args.do,
        ids=None if args.all else args.ids,
        client=args.client,
        state="waiting" if args.waiting else "failed",
        sure=args.yes,
        target=args.target,
    )
    return outbox.main(settings, asked)


def _cluster(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    from openwx.cli.cluster import command

    return command.main(settings, args)


def _journal(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    if settings.store.url is None:  # then the package that speaks with PostgreSQL may be missing
        raise ConfigError("store.url is not set: it names the PostgreSQL that gets the journal")
    from openwx.cli import journal

    return journal.main(settings, settings.store.url, as_json=args.json)


def _verify_code(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    from openwx.cli import verify_code

    return verify_code.main(settings, args.code, account=args.client)


def _send(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    with undisturbed():
        from openwx.cli.shell import send
    return send.main(settings, args)


def _ask(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    with undisturbed():
        from openwx.cli.shell import ask
    return ask.main(settings, args)


def _who(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    with undisturbed():
        from openwx.cli.shell import who
    return who.main(settings, args)


def _tail(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    with undisturbed():
        from openwx.cli.shell import tail
    return tail.main(settings, args)


def _completion(args: argparse.Namespace) -> int:
    from openwx.cli.shell import completion

    return completion.main(parser(), args.shell)


def _mcp(args: argparse.Namespace) -> int:
    settings = _load(args).settings
    from openwx.cli import mcp

    return mcp.main(settings, args.http and mcp.address(args.http))


def _simulate(args: argparse.Namespace) -> int:
    from openwx import logs, simulator

    # A gateway that runs on takes a message with an id of an earlier run for a repetition.
    now = time.time_ns()
    options = simulator.ILinkOptions(first_id=now)
    try:
        simulator.assign(options, dict(args.ilink))
    except ValueError as error:
        raise ConfigError(f"--ilink: {error}") from None
    logs.set_up("info")
    sizes = {} if args.members is None else dict.fromkeys(_GROUP_SIZES, args.members)
    work = simulator.serve(
        args.host,
        args.port,
        seed=args.seed,
        friends=args.friends,
        groups=args.groups,
        auto_scan=not args.manual,
        one_account=args.one_account,
        first_id=now,
        chatter_s=args.chatter,
        on_ready=_announce_simulator,
        ilink=options,
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
    if args.nodes == 1:
        return crashtest.main(crashtest.Plan(seed, args.kills, args.transport, args.folder))
    from openwx.crashtest import nodes

    return nodes.main(
        nodes.NodesPlan(
            seed,
            args.faults,
            nodes=args.nodes,
            lease_s=args.lease,
            transport=args.transport,
            namespaces=args.namespaces,
            folder=args.folder,
        )
    )


def _announce_simulator(simulator: "Simulator") -> None:
    url = simulator.url
    print(
        f"A simulated WeChat runs at {url}\n\n"
        f"  its phone, in a browser:  {simulator.page_url}\n\n"
        f"  point openwx at it:   OPENWX_ACCOUNTS__DEFAULT__BASE_URL={url} openwx serve\n"
        f"    by iLink:           OPENWX_ACCOUNTS__DEFAULT__TRANSPORT=ilink and the same\n"
        f'  let a friend write:   curl -d \'{{"friend":"小灰","text":"你好"}}\' {url}/_simulator/friend/says\n'
        f"  everything else:      curl {url}/_simulator/state",
        flush=True,
    )
    from openwx.config import Listen

    if not Listen(host=simulator.host).is_loopback:
        print(
            f"openwx: warning: {url} has no password: anybody who can reach it can do all of this",
            file=sys.stderr,
        )


def _check_config(args: argparse.Namespace) -> int:
    from openwx.config import describe, load

    print(describe(load(args.config, os.environ, {})))
    return 0


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "serve": _serve,
    "status": _status,
    "doctor": _doctor,
    "outbox": _outbox,
    "cluster": _cluster,
    "journal": _journal,
    "verify-code": _verify_code,
    "mcp": _mcp,
    "check-config": _check_config,
    "logout": _logout,
    "send": _send,
    "ask": _ask,
    "who": _who,
    "tail": _tail,
    "completion": _completion,
    "simulate": _simulate,
    "crash-test": _crash_test,
}


def _run(work: Coroutine[Any, Any, None]) -> int:
    """Run until done. The first SIGINT or SIGTERM cancels the work, which is no failure."""
    try:
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            runner.run(_until_signalled(work))
    except BaseExceptionGroup as group:
        wrong = _first(group, ConfigError)
        if wrong is not None:
            raise wrong from None
        raise
    return 0


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop factory if it is installed (the extra ``fast``), else None for asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return new_event_loop


async def _until_signalled(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        if not is_stopping:  # a second cancellation would interrupt the clean-up
            task.cancel()
        is_stopping = True

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
