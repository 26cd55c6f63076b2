"""The client: one method for each route, with the same name and parameters. Bots and the commands use it."""

from openwx.client.accounts import Accounts
from openwx.client.changing import Changing
from openwx.client.chats import Chats
from openwx.client.contacts import Contacts
from openwx.client.following import Following
from openwx.client.sending import Sending


class Client(Contacts, Chats, Sending, Changing, Accounts, Following):
    """A connection to one gateway, for one of its accounts.

    ::

        async with Client("http://127.0.0.1:3000", token="…") as wx:
            await wx.send_friend_message("hi", displayname="小灰")

    Each call returns its answer or raises a ``CallFailed`` (``openwx.client.errors``), and has a time-out.
    """
