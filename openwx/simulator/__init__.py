"""A simulated WeChat web service: a product feature (`openwx simulate`) and the tests' world.

It speaks the protocol of the reference in literal JSON and shares no code with the client that it
tests. From below: `model` (data), `wire` (its spelling), `scenario` and `phone` (the actions of
people), `state` (accounts and the world), `service` (the calls of web clients), `control` and `page`
(the API and the page for developers), `server`.
"""

from .calls import Call
from .faults import Fault, Faults, Rule
from .media import Medium
from .model import Message, SentMessage, Settings
from .phone import LoginCode, Phone
from .scenario import FriendRequest, Invitation
from .scenario import GroupActor as Group
from .scenario import MemberActor as Member
from .scenario import PersonActor as Person
from .server import Simulator, serve
from .session import Session
from .state import Account

__all__ = [
    "Account", "Call", "Fault", "Faults", "FriendRequest", "Group", "Invitation", "LoginCode",
    "Medium", "Member", "Message", "Person", "Phone", "Rule", "SentMessage", "Session", "Settings",
    "Simulator", "serve",
]  # fmt: skip
