"""MQTT 3.1.1 and 5, the road of devices; begin at `connection`, or at `road` for what becomes of a message.

bytes       websocket, tcp: what carries them, alike in carrying
            codec: bytes <-> packets; fields, packets, properties, reasons, connecting, reading, writing
protocol    session: one connection's side of the protocol, without a socket or a clock; filters: who may read what
clients     connection: one client; clients: all of a process, who is let in and who has to go
messages    topics: topic -> row; road: row -> what becomes of the message; replies: what its sender is told
keeping     ports: what has to be kept, by whoever fits (`devices.keeping`); redelivery: a dead letter, handed in anew
broker      broker: messages from a broker that is there already; link: paho and its thread; tokens: whose they are
"""
