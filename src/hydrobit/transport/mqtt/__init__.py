"""MQTT 3.1.1 and 5: bytes to packets and packets to bytes, without a socket or a clock."""
