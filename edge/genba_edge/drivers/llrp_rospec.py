"""What we ask an LLRP reader to do: its configuration, and the ROSpec that reads the antennas of the map.

Source: EPCglobal LLRP 1.0.1, chapters 10 (ROSpec), 12.2 (configuration), 13.2 (reports); C1G2 in 15.2.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from llrpkit.protocol import enums, messages, params

from genba_shared.device_map.model import InventorySession, LlrpDevice
from genba_shared.errors import DeviceRefused

logger = logging.getLogger(__name__)

# In session 0 a tag forgets that it was read as soon as the field is off, so that a tag that stays is read again and
# again. In the other sessions a still tag falls silent for seconds to minutes and would look departed.
_SESSIONS = {session: number for number, session in enumerate(InventorySession)}
TAG_POPULATION = 32


class Cadence(StrEnum):
    """When the reader reports: added up each `report_s`, or each tag at once (readers that cannot do the first)."""

    INTERVAL = "interval"
    EACH_TAG = "each_tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What the reader says it can do; nothing else is asked of it.

    `powers_dbm` maps the index in its power table to dBm, `modes` the number of a mode to its longest Tari (ns).
    """

    model: str = ""
    firmware: str = ""
    can_hold: bool = True
    can_warn: bool = True
    powers_dbm: Mapping[int, float] = field(default_factory=dict)
    modes: Mapping[int, int] = field(default_factory=dict)
    hop_table: int = 0
    channel: int = 0

    @classmethod
    def of(cls, response: messages.GET_READER_CAPABILITIES_RESPONSE) -> Abilities:
        """From the reader's capabilities; parts that it leaves out keep their defaults."""
        general, llrp = response.general_device_capabilities, response.llrp_capabilities
        regulatory = response.regulatory_capabilities
        band = regulatory.uhf_band_capabilities if regulatory is not None else None
        hops = band.frequency_information.frequency_hop_tables if band is not None else []
        return cls(
            model=f"{general.device_manufacturer_name}/{general.model_name}" if general is not None else "",
            firmware=general.reader_firmware_version if general is not None else "",
            can_hold=llrp is None or llrp.supports_event_and_report_holding,
            can_warn=llrp is None or llrp.can_report_buffer_fill_warning,
            powers_dbm={
                entry.index: entry.transmit_power_value / 100
                for entry in (band.transmit_power_level_table_entrys if band is not None else ())
            },
            modes={
                entry.mode_identifier: entry.max_tari_value
                for table in (band.air_protocol_uhfrf_mode_tables if band is not None else ())
                for entry in table.c1_g2_uhfrf_mode_table_entrys
            },
            hop_table=hops[0].hop_table_id if hops else 0,
            channel=0 if hops else 1,
        )


def keepalive_config(device: LlrpDevice) -> messages.SET_READER_CONFIG:
    """Keepalives at a third of the time-out: three that are missed are a lost reader."""
    return messages.SET_READER_CONFIG(
        keepalive_spec=params.KeepaliveSpec(
            keepalive_trigger_type=enums.KeepaliveTriggerType.Periodic,
            periodic_trigger_value=max(1, round(device.timeout_s * 1000 / 3)),
        )
    )


def holding_config() -> messages.SET_READER_CONFIG:
    """After a reconnect, keep reports and events back until we ask for them (12.2.6.4)."""
    return messages.SET_READER_CONFIG(
        events_and_reports=params.EventsAndReports(hold_events_and_reports_upon_reconnect=True)
    )


def events_config(abilities: Abilities) -> messages.SET_READER_CONFIG:
    """Tell us of what goes wrong in the reader; of a buffer that ran over it tells without being asked."""
    wanted = [enums.NotificationEventType.Reader_Exception_Event, enums.NotificationEventType.Antenna_Event]
    if abilities.can_warn:
        wanted.insert(0, enums.NotificationEventType.Report_Buffer_Fill_Warning)
    states = [params.EventNotificationState(event_type=event, notification_state=True) for event in wanted]
    return messages.SET_READER_CONFIG(
        reader_event_notification_spec=params.ReaderEventNotificationSpec(event_notification_states=states)
    )


def build_rospec(device: LlrpDevice, abilities: Abilities, cadence: Cadence) -> params.ROSpec:
    """The ROSpec for the antennas of the map; its id follows from its content, so that the same id means the same.

    The standard has no report by time (LLRP 1.1 has). `Cadence.INTERVAL` therefore lets the AISpec end after
    `report_s`, which makes the reader report, and the immediate start trigger starts it again.

    Raises:
        DeviceRefused: the map asks for a power or a mode that the reader does not have.
    """
    interval = cadence is Cadence.INTERVAL
    spec = params.ROSpec(
        ro_spec_id=0,
        priority=0,
        current_state=enums.ROSpecState.Disabled,
        ro_boundary_spec=params.ROBoundarySpec(
            ro_spec_start_trigger=params.ROSpecStartTrigger(
                ro_spec_start_trigger_type=enums.ROSpecStartTriggerType.Immediate
            ),
            ro_spec_stop_trigger=params.ROSpecStopTrigger(
                ro_spec_stop_trigger_type=enums.ROSpecStopTriggerType.Null, duration_trigger_value=0
            ),
        ),
        spec_parameters=[
            params.AISpec(
                antenna_ids=sorted(device.antennas) or [0],
                ai_spec_stop_trigger=params.AISpecStopTrigger(
                    ai_spec_stop_trigger_type=enums.AISpecStopTriggerType.Duration
                    if interval
                    else enums.AISpecStopTriggerType.Null,
                    duration_trigger=max(1, round(device.report_s * 1000)) if interval else 0,
                ),
                inventory_parameter_specs=[
                    params.InventoryParameterSpec(
                        inventory_parameter_spec_id=1,
                        protocol_id=enums.AirProtocols.EPCGlobalClass1Gen2,
                        antenna_configurations=_antenna_configurations(device, abilities),
                    )
                ],
            )
        ],
        ro_report_spec=_report_spec(tags=0 if interval else 1),
    )
    spec.ro_spec_id = zlib.crc32(spec.encode()) & 0x7FFF_FFFF or 1
    return spec


def _report_spec(*, tags: int) -> params.ROReportSpec:
    return params.ROReportSpec(
        ro_report_trigger=enums.ROReportTriggerType.Upon_N_Tags_Or_End_Of_AISpec,
        n=tags,
        tag_report_content_selector=params.TagReportContentSelector(
            enable_antenna_id=True,
            enable_peak_rssi=True,
            enable_first_seen_timestamp=True,
            enable_last_seen_timestamp=True,
            enable_tag_seen_count=True,
        ),
    )


def _antenna_configurations(device: LlrpDevice, abilities: Abilities) -> list[params.AntennaConfiguration]:
    """One for all antennas (id 0) when the map names no power, else one for each."""
    inventory = _inventory(device, abilities)
    if all(antenna.power_dbm is None for antenna in device.antennas.values()):
        return [params.AntennaConfiguration(antenna_id=0, air_protocol_inventory_command_settings=[inventory])]
    return [
        params.AntennaConfiguration(
            antenna_id=number,
            rf_transmitter=None
            if antenna.power_dbm is None
            else params.RFTransmitter(
                hop_table_id=abilities.hop_table,
                channel_index=abilities.channel,
                transmit_power=_power_index(device, abilities, antenna=number, dbm=antenna.power_dbm),
            ),
            air_protocol_inventory_command_settings=[inventory],
        )
        for number, antenna in sorted(device.antennas.items())
    ]


def _inventory(device: LlrpDevice, abilities: Abilities) -> params.C1G2InventoryCommand:
    return params.C1G2InventoryCommand(
        tag_inventory_state_aware=False,
        c1_g2_rf_control=None if device.mode is None else _rf_control(device, abilities, mode=device.mode),
        c1_g2_singulation_control=params.C1G2SingulationControl(
            session=_SESSIONS[device.session], tag_population=TAG_POPULATION, tag_transit_time=0
        ),
    )


def _rf_control(device: LlrpDevice, abilities: Abilities, *, mode: int) -> params.C1G2RFControl:
    """The mode by its number; modes differ by reader and firmware (sllurp issue 118), so only what it names is sent."""
    if mode not in abilities.modes:
        known = ", ".join(str(number) for number in sorted(abilities.modes)) or "none that it tells"
        raise DeviceRefused(device=device.id, reason=f"the reader has no mode {mode}: it has {known}")
    return params.C1G2RFControl(mode_index=mode, tari=abilities.modes[mode])


def _power_index(device: LlrpDevice, abilities: Abilities, *, antenna: int, dbm: float) -> int:
    """Index of the greatest power of the reader's table that is not above `dbm`."""
    if not abilities.powers_dbm:
        reason = f"antenna {antenna}: the reader does not tell its powers; leave `power` out of the map"
        raise DeviceRefused(device=device.id, reason=reason)
    fitting = [(value, index) for index, value in abilities.powers_dbm.items() if value <= dbm + 1e-6]
    if not fitting:
        least = min(abilities.powers_dbm.values())
        reason = f"antenna {antenna}: power {dbm:g}dBm is below the reader's least, {least:g}dBm"
        raise DeviceRefused(device=device.id, reason=reason)
    value, index = max(fitting)
    if abs(value - dbm) > 1e-6:
        logger.warning(
            "power rounded down device=%s antenna=%d map_dbm=%g reader_dbm=%g", device.id, antenna, dbm, value
        )
    return index
