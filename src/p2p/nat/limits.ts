/** Times are geth's (p2p/server_nat.go, p2p/nat/natupnp.go@v1.17.5). */
export const natLimits = {
  /** A mapping is asked for this long, and again before it ends; sooner when that failed. */
  mappingSeconds: 600,
  refreshMs: 8 * 60_000,
  retryMs: 5 * 60_000,
  /** The address is asked for so often. */
  addressMs: 2 * 60_000,
  /** Refreshes that may fail before a mapping is taken to be lost. */
  maxFailures: 5,
  /** At a stop, mappings are taken back within this; a router that is silent keeps them until they end. */
  closeMs: 2_000,
  /** Looking for a router. */
  upnpSearchMs: 3_000,
  pmpSearchMs: 1_000,
  /** BOUNDED: devices that answer a search and are looked at. */
  devices: 8,
  requestMs: 3_000,
  /** NAT-PMP: tries, the first waits 250 ms, each following twice as long (RFC 6886 §3.1 has nine). */
  pmpTries: 4,
  pmpFirstMs: 250,
  /** Bytes of a device's description, of an answer. */
  descriptionBytes: 256 << 10,
  answerBytes: 64 << 10,
} as const;
