"""The words of the contract that settings may list. Settings are checked against them."""

EVENTS = (
    "login",
    "stop",
    "state_change",
    "input_qrcode",
    "qrcode_expire",
    "new_friend",
    "lose_friend",
    "new_group",
    "lose_group",
    "new_group_member",
    "lose_group_member",
    "group_property_change",
    "group_member_property_change",
    "friend_property_change",
    "user_property_change",
    "friend_request",
    "update_user",
    "update_friend",
    "update_group",
)
"""Every event that can be reported (contract, section 3)."""

POST_API = "post_api"
"""The name of the target that the setting ``post_api`` is, which is the first one."""
MESSAGES = ("receive_message", "send_message")
POST_TYPES = (*MESSAGES, "event")
FORMATS = (
    "text",
    "media",
    "app",
    "card",
    "revoke",
    "payment",
    "location",
    "notice",
    "unknown",
)
"""Every format of a message (contract, section 3)."""
