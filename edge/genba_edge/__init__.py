"""The gateway agent: reads PLCs and RFID readers, derives production events, delivers them."""
