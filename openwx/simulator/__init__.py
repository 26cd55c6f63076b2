"""A simulated WeChat web service: a product feature (`openwx simulate`) and the tests' world.

It speaks the protocol of the reference in literal JSON and shares no code with the client that it
tests.
"""

from .account import Account
from .call import Call
from .faults import Fault, Faults, Rule
from .friendship import FriendRequest, Invitation
from .media import Medium
from .people import Group, Member, Person
from .phone import LoginCode, Phone
from .server import Simulator, serve
from .session import Session
from .timeline import Heard, Message
from .world import Settings

__all__ = [
    "Account",
    "Call",
    "Fault",
    "Faults",
    "FriendRequest",
    "Group",
    "Heard",
    "Invitation",
    "LoginCode",
    "Medium",
    "Member",
    "Message",
    "Person",
    "Phone",
    "Rule",
    "Session",
    "Settings",
    "Simulator",
    "serve",
]
