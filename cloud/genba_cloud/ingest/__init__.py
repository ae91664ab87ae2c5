"""What arrives from gateways over MQTT, and what goes back to them."""
