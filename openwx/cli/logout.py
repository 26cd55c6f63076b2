"""``openwx logout``: ends the saved logins at WeChat, and words what keeps it from that."""

from openwx import service
from openwx.accounts import journal_guard
from openwx.cli.cluster.shared import not_had
from openwx.config import Settings
from openwx.errors import ConfigError, LeaseLost, NotNowError
from openwx.store.base import InDoubt, JournalError


async def log_out(settings: Settings, client: str | None) -> None:
    """Log out all accounts, or one. Raise ``ConfigError``, and ``WeChatError`` where that did not reach WeChat."""
    try:
        await service.log_out(settings, client)
    except JournalError as error:
        if settings.store.url is not None:
            raise not_had(error) from error
        raise ConfigError(f"data_dir {settings.data_dir}: {error}") from error
    except (InDoubt, LeaseLost) as error:
        raise NotNowError(journal_guard.refusal(error).status) from error
