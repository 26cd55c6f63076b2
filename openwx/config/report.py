"""``[report]``: what is reported, and to which backends. ``models`` has the table."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from openwx.config.addresses import Url
from openwx.config.contract import EVENTS, MESSAGES, POST_API
from openwx.config.headers import Headers
from openwx.config.targets import MOST, Target, TargetSettings
from openwx.config.values import (
    BadValueError,
    Certificates,
    Secret,
    Text,
    YesNo,
    one_of,
    seconds,
    whole,
)

_DAY_S = 86_400


class ReportSettings(BaseModel):
    """What is reported, and where to. Intervals, time-outs and ages are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    post_api: Url = None
    post_event: YesNo = False
    post_event_list: list[Annotated[str, one_of(*EVENTS)]] = [
        "login",
        "stop",
        "state_change",
        "input_qrcode",
    ]
    post_media_data: YesNo = True
    post_message_filter: dict[str, Text] = {}
    post_stdout: YesNo = False
    poll_api: Url = None
    poll_interval: Annotated[float, seconds(0.1, _DAY_S)] = 5.0
    check_event_list_max_size: Annotated[int, whole(1, 100_000)] = 20
    secret: Secret = Field(default=None, repr=False)
    headers: Headers = Field(default={}, repr=False)
    timeout: Annotated[float, seconds(0.1, 3600)] = 35.0
    tries: Annotated[int, whole(1, 100)] = 5
    ca: Certificates = None
    verify: YesNo = True
    numbers: YesNo = False
    max_age: Annotated[float, seconds(1, 366 * _DAY_S)] = float(_DAY_S)
    targets: list[TargetSettings] = []

    @field_validator("targets")
    @classmethod
    def _few_and_distinct(cls, targets: list[TargetSettings]) -> list[TargetSettings]:
        if len(targets) > MOST:
            raise BadValueError(f"must list at most {MOST} targets, not {len(targets)}")
        names: set[str] = set()
        for number, target in enumerate(targets):
            if target.called in names:
                raise BadValueError(
                    f"has two targets called {target.called}: give number {number + 1} a name of its own"
                )
            names.add(target.called)
        return targets

    @model_validator(mode="after")
    def _targets_get_recorded_events(self) -> Self:
        # For an account, only `Settings` knows which list counts.
        if type(self) is ReportSettings:
            self.require_recorded_events()
        return self

    def require_recorded_events(self) -> None:
        """Raise ``BadValueError`` if a target is to get an event that is not recorded."""
        for number, target in enumerate(self.targets):
            for event in target.events or ():
                if event not in self.post_event_list:
                    raise BadValueError(
                        f"targets[{number}].events has {event}, which post_event_list leaves out: add it there, too"
                    )

    def all_targets(self) -> tuple[Target, ...]:
        """Return the backends that reports go to: ``post_api`` if it is set, then ``targets``."""
        found = [] if self.post_api is None else [self._of_post_api(self.post_api)]
        for target in self.targets:
            found.append(self._of(target, is_first=not found))
        return tuple(found)

    def _of_post_api(self, url: str) -> Target:
        return Target(
            name=POST_API,
            url=url,
            messages=frozenset(MESSAGES),
            events=frozenset(self.post_event_list if self.post_event else ()),
            formats=frozenset(),
            filter=self.post_message_filter,
            headers=self.headers,
            secret=self.secret,
            timeout=self.timeout,
            tries=self.tries,
            ca=self.ca,
            verify=self.verify,
            numbers=self.numbers,
            max_age=self.max_age,
            may_reply=True,
        )

    def _of(self, target: TargetSettings, *, is_first: bool) -> Target:
        """Fill in what a target leaves out. Neither headers nor the secret are those of ``post_api``."""
        kinds = target.post_types
        if kinds is None:
            has_events = self.post_event if target.events is None else bool(target.events)
            kinds = [*MESSAGES, *(["event"] if has_events else [])]
        events = self.post_event_list if target.events is None else target.events
        return Target(
            name=target.called,
            url=target.url or "",
            messages=frozenset(kinds) & frozenset(MESSAGES),
            events=frozenset(events if "event" in kinds else ()),
            formats=frozenset(target.formats or ()),
            filter=target.filter,
            headers=target.headers,
            secret=target.secret,
            timeout=self.timeout if target.timeout is None else target.timeout,
            tries=self.tries if target.tries is None else target.tries,
            ca=self.ca if target.ca is None else target.ca,
            verify=self.verify if target.verify is None else target.verify,
            numbers=self.numbers,
            max_age=self.max_age,
            may_reply=is_first if target.reply is None else target.reply,
        )
