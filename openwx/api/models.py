"""The base of request models, selectors of people and groups, and the error text for a wrong parameter.
The models of routes are made of it.
"""

import unicodedata
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from openwx.api.parameters import RequestParams
from openwx.config.values import truth
from openwx.domain.contact_book import ContactBook
from openwx.domain.contacts import Group, Member
from openwx.errors import CallerError, Code

STRICT = "strict"
OF_EVERY_ROUTE = frozenset({"client", "token", "datatype", "callback", STRICT})
"""The parameters of every route (contract, section 1)."""
RESERVED = OF_EVERY_ROUTE | {"idempotency_key"}
"""Parameters that are never attributes to search for."""


MOST_LETTERS = 200
"""Letters of a text to search for."""


class RequestModel(BaseModel):
    """The parameters of a route.

    A field's description completes the sentence "NAME must be …": it is the error's text and the
    documentation. An empty value counts as absent, except for the names in ``MAY_BE_EMPTY``.
    Unknown parameters are ignored, unless ``extra`` of ``model_config`` says otherwise.
    """

    # A model is built when its route is first called: the start does not wait for all of them.
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, defer_build=True)

    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def read(cls, params: RequestParams) -> Self:
        """Validate the parameters. CallerError -2 with one plain sentence if they are wrong."""
        if params.ignored and cls.model_config.get("extra") == "forbid":
            unknown = [name for name in params.ignored if name not in RESERVED]
            if unknown:
                raise CallerError(Code.BAD_PARAMETER, cls._unknown(unknown[0]))
        values: dict[str, object] = {
            name: value
            for name, value in params.texts.items()
            if (value or name in cls.MAY_BE_EMPTY)
            and (name not in RESERVED or name in cls.model_fields)
        }
        values.update(params.files)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            raise CallerError(Code.BAD_PARAMETER, cls._sentence(first)) from None

    @classmethod
    def _sentence(cls, error: Any) -> str:
        name, value = str(error["loc"][0]), error["input"]
        if error["type"] == "extra_forbidden":
            return cls._unknown(name)
        what = cls.describe(name)
        if error["type"] == "missing":
            return f"{name} is missing; it must be {what}"
        shown = f", not {value!r}" if isinstance(value, str) and len(value) <= 40 else ""
        return f"{name} must be {what}{shown}"

    @classmethod
    def _unknown(cls, name: str) -> str:
        known = ", ".join(cls.names())
        return f"{name[:40]!a} cannot be searched for; the attributes are {known}"

    @classmethod
    def known(cls) -> frozenset[str] | None:
        """Return the names of all known parameters; None if any name is one."""
        if cls.model_config.get("extra") == "allow":
            return None
        return OF_EVERY_ROUTE.union(cls.names())

    @classmethod
    def names(cls) -> list[str]:
        """Return the parameters as callers spell them."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @classmethod
    def describe(cls, parameter: str) -> str:
        for name, field in cls.model_fields.items():
            if parameter == (field.alias or name) and field.description:
                return field.description
        return "a text"


def _without_controls(text: str) -> str:
    if not text.isprintable() and any(
        unicodedata.category(character) == "Cc" for character in text
    ):
        raise ValueError
    return text


def _number_as_flag(value: object) -> object:
    flag = truth(value) if isinstance(value, str) else None
    return value if flag is None else flag


Flag = Annotated[bool, BeforeValidator(_number_as_flag)]
"""Yes or no: a number, where all but 0 is yes as it was to the original, or a word: true, off, …"""
Name = Annotated[
    str,
    AfterValidator(_without_controls),
    Field(max_length=100, description="a text of at most 100 characters, without line breaks"),
]
"""A name for a friend or a group."""


def missing_selector(kind: str, names: str) -> CallerError:
    return CallerError(Code.BAD_PARAMETER, f"which {kind}? give {names}")


class Search(RequestModel):
    """Attributes to search for. An empty one matches what is empty. ``q`` is part of any of the names."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[
        str,
        Field(
            max_length=MOST_LETTERS,
            description=f"part of any of the names, at most {MOST_LETTERS} letters",
        ),
    ] = ""

    @classmethod
    def read(cls, params: RequestParams) -> Self:
        """Validate the parameters. CallerError -2 if they are wrong, or none is an attribute."""
        search = super().read(params)
        search.attributes()
        return search

    def attributes(self) -> dict[str, str]:
        """Return the attributes to search for, besides ``q``. CallerError -2 if there is neither."""
        attributes = self.model_dump(exclude_unset=True, exclude={"q"})
        if not attributes and not self.q.strip():
            raise CallerError(
                Code.BAD_PARAMETER, f"give an attribute to search for: {', '.join(self.names())}"
            )
        return attributes


class GroupSelectors(RequestModel):
    """Selectors of a group: all must match, exactly or else in another spelling."""

    id: Annotated[str | None, Field(description="the id of a group")] = None
    displayname: Annotated[str | None, Field(description="a group's display name")] = None

    def selectors(self) -> dict[str, str]:
        """Return the selectors of the call. CallerError -2 if there are none."""
        selectors = {"id": self.id, "displayname": self.displayname}
        if found := {name: value for name, value in selectors.items() if value is not None}:
            return found
        raise missing_selector("group", "id or displayname")


class FriendSelectors(RequestModel):
    """Selectors of a friend: all must match, exactly or else in another spelling."""

    id: Annotated[str | None, Field(description="the id of a friend")] = None
    account: Annotated[str | None, Field(description="a friend's account name")] = None
    displayname: Annotated[str | None, Field(description="a friend's display name")] = None
    markname: Annotated[str | None, Field(description="a friend's remark name")] = None

    def selectors(self) -> dict[str, str]:
        """Return the selectors of the call. CallerError -2 if there are none."""
        selectors = {
            "id": self.id,
            "account": self.account,
            "displayname": self.displayname,
            "markname": self.markname,
        }
        if found := {name: value for name, value in selectors.items() if value is not None}:
            return found
        raise missing_selector("friend", "id, account, displayname or markname")


def member_of(contacts: ContactBook, group_id: str, id: str | None) -> tuple[Member, Group]:
    """Return a member of a group, and the group. CallerError: -2 without the id, 100 if either is not found."""
    if id is None:
        raise CallerError(Code.BAD_PARAMETER, "which member? beside group_id, give the member's id")
    group = contacts.find_group(id=group_id)
    return contacts.find_member(group, id), group
