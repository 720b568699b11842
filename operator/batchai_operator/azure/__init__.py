"""Adapters to Azure Storage; its SDK and its exceptions stop here.

Made by `wiring`, used through the engine's ports. The SDK is loaded when it is first needed,
because most installations never need it and it costs the operator 25 MB.
"""
