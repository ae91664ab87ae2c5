"""A simulated made-to-order garment line: a discrete-event plant behind real OPC UA, Modbus TCP and LLRP servers.

It knows what really happened and writes it down (the truth), and shares no derivation code with the product.
"""
