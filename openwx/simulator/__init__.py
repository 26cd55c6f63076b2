"""A simulated WeChat, by its web service and by iLink: a product feature (`openwx simulate`) and the tests' world.

It speaks the protocols of the references in literal JSON and shares no code with the clients that it
tests. From below: `model` (data), `wire` (its spelling), `ilink` (bots and who writes to them), `scenario` and
`phone` (the actions of people), `state` (accounts and the world), `service` and `ilink.service` (the calls of
clients), `control` and `page` (the API and the page for developers), `server`.
"""

from .calls import Call
from .faults import Fault, Faults, Rule
from .ilink.bot import Bot
from .ilink.chat import Chat
from .ilink.clawbot import ClawBot
from .ilink.codes import BotCode
from .ilink.model import BotMessage, Written
from .ilink.options import (
    ErrorField,
    ILinkOptions,
    KeySpelling,
    MissingToken,
    QuoteForm,
    Repeat,
    RepeatedClientId,
    SecondPoller,
)
from .media import Medium
from .model import Message, SentMessage, Settings
from .phone import LoginCode, Phone
from .scenario import FriendRequest, Invitation
from .scenario import GroupActor as Group
from .scenario import MemberActor as Member
from .scenario import PersonActor as Person
from .server import Simulator, serve
from .session import Session
from .settings import assign
from .state import Account

__all__ = [
    "Account", "Bot", "BotCode", "BotMessage", "Call", "Chat", "ClawBot", "ErrorField", "Fault",
    "Faults", "FriendRequest", "Group", "ILinkOptions", "Invitation", "KeySpelling", "LoginCode",
    "Medium", "Member", "Message", "MissingToken", "Person", "Phone", "QuoteForm", "Repeat",
    "RepeatedClientId", "Rule", "SecondPoller", "SentMessage", "Session", "Settings", "Simulator",
    "Written", "assign", "serve",
]  # fmt: skip
