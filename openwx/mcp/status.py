"""The tool that tells whether the gateway and its account work, and what the model may do. ``server`` adds it."""

from openwx.client import Client
from openwx.errors import OpenwxError
from openwx.mcp import answers
from openwx.mcp.chats import look
from openwx.mcp.gateway import Gateway, words
from openwx.mcp.texts import cleaned


class StatusTool:
    """The tool for the state."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def account_status(self) -> answers.Status:
        """Tell whether the gateway and its WeChat account work, which chats may be written to, and which be read."""
        answer = answers.Status(gateway="not_reached")
        try:
            async with self._gateway.open() as wx:
                await self._ask(wx, answer)
        except OpenwxError as error:
            answer.untrusted_detail = words(error)
        return answer

    async def _ask(self, wx: Client, answer: answers.Status) -> None:
        info = await wx.get_client_info()
        answer.gateway = "reached"
        answer.account, answer.state = info.account, info.state
        answer.state_reason = cleaned(info.state_reason)[0]
        answer.transport, answer.capabilities = info.transport, list(info.capabilities)
        settings = self._gateway.settings.mcp
        book = await look(wx, settings)  # fails before the first login: then there are no contacts
        answer.send_to = book.entries(settings.send_to)
        if settings.read_from is not None:
            answer.read_from = book.entries(settings.read_from)
