"""``openwx mcp``: a server of the Model Context Protocol, by which a language model reads chats and sends messages.

It asks the running gateway as any program does, by ``openwx.client``, and adds what a model needs: whom it may write
to (``chats``), texts of strangers that stay in their fields (``texts``), and sends that can be repeated safely
(``sending``). ``server`` puts the tools together. Only this package imports the SDK.
"""
