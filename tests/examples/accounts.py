"""Examples of the routes for accounts."""

from openwx.errors import SessionEnded

from .book import Example, Scene, Topic, both, the_disk_is_full


async def a_new_name(scene: Scene) -> None:
    """Choose a new account name: ``shop`` first, then ``shop-N``."""
    assert scene.gateway.service is not None
    number = len(scene.gateway.service.gateway.accounts)
    scene.words["shop"] = "shop" if number == 1 else f"shop-{number}"
    scene.words["simulator"] = scene.world.simulator.url


async def it_runs(scene: Scene) -> None:
    await a_new_name(scene)
    await scene.gateway.get(
        "start_client", client=scene.word("shop"), base_url=scene.world.simulator.url
    )


async def the_phone_shows_digits(scene: Scene) -> None:
    """Log the account out, and let the next login want the digits 123456."""
    account = scene.elsewhere
    assert account is not None
    account.wanted_code = "123456"
    account.end_session(SessionEnded("getupdates", -14))
    await scene.gateway.has_reason("need_verify_code")


NEW = {"client": "{shop}", "post_api": "https://bot.example/shop", "base_url": "{simulator}"}

TOPIC: Topic = {
    "get_client_info": [Example("the account", {"client": "default"})],
    "check_client": [
        Example("one account", {"client": "default"}),
        Example("an account on iLink", {"client": "default"}, place="elsewhere"),
        Example("an account that is not there", {"client": "nobody"}, code=-2, status=400),
    ],
    "start_client": [
        Example("another account", NEW, given=a_new_name),
        Example("it runs already", {"client": "default"}),
        Example("no name", code=-2, status=400),
        Example(
            "a setting that cannot be", {"client": "shop", "send_interval": "soon"}, code=-2, status=400
        ),
        Example(
            "a post_api on this machine", NEW | {"post_api": "http://127.0.0.1:8000/shop"}, given=a_new_name,
            code=-8, status=403,
        ),
        Example("there are as many as there may be", {"client": "more"}, code=-7, status=429, place="alone"),
        Example(
            "it cannot be kept", NEW, code=-5, status=503, given=both(a_new_name, the_disk_is_full)
        ),
    ],
    "stop_client": [
        Example("an account", {"client": "{shop}"}, given=it_runs),
        Example("an account that is not there", {"client": "nobody"}, code=-2, status=400),
        Example("it cannot be kept", {"client": "{shop}"}, code=-5, status=503, given=both(it_runs, the_disk_is_full)),
    ],
    "verify_code": [
        Example("the right digits", {"code": "123456"}, given=the_phone_shows_digits, place="elsewhere"),
        Example(
            "wrong digits", {"code": "654321"}, code=201, given=the_phone_shows_digits, place="elsewhere"
        ),
        Example("no digits", {"client": "default"}, code=-2, status=400),
        Example("none are wanted", {"client": "default", "code": "123456"}, code=101),
    ],
    "get_qrcode": [
        Example("to be scanned", place="waiting"),
        Example("no login is wanted", {"client": "default"}, code=100, status=404),
    ],
}  # fmt: skip
