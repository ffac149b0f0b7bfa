/**
 * Kinds of messages (trezor-common protob/messages.proto, 28 May 2019, as geth has it; from 452 on trezor-firmware
 * common/protob/messages-ethereum.proto@legacy/v1.10.4).
 */
export const KINDS = {
  Initialize: 0,
  Ping: 1,
  Success: 2,
  Failure: 3,
  Features: 17,
  PinMatrixRequest: 18,
  PinMatrixAck: 19,
  Cancel: 20,
  ButtonRequest: 26,
  ButtonAck: 27,
  PassphraseRequest: 41,
  PassphraseAck: 42,
  EthereumGetAddress: 56,
  EthereumAddress: 57,
  EthereumSignTx: 58,
  EthereumTxRequest: 59,
  EthereumTxAck: 60,
  EthereumSignMessage: 64,
  EthereumMessageSignature: 66,
  EthereumSignTxEIP1559: 452,
  EthereumTypedDataSignature: 469,
  EthereumSignTypedHash: 470,
} as const;

export type TrezorKind = keyof typeof KINDS;

const names: ReadonlyMap<number, TrezorKind> = new Map(
  Object.entries(KINDS).map(([name, kind]) => [kind, name as TrezorKind]), // as: its own keys
);

/** A kind's name, or its number. */
export const nameOfKind = (kind: number): TrezorKind | undefined => names.get(kind);

/** Tags of the members that are written or read. */
export const TAGS = {
  features: { major: 2, minor: 3, patch: 4, label: 10 },
  failure: { message: 2 },
  ping: { pinProtection: 3, passphraseProtection: 4 },
  pin: { pin: 1 },
  passphrase: { passphrase: 1 },
  getAddress: { path: 1 },
  address: { binary: 1, hex: 2 },
  signTx: {
    path: 1,
    nonce: 2,
    gasPrice: 3,
    gasLimit: 4,
    toBinary: 5,
    value: 6,
    firstData: 7,
    dataLength: 8,
    chainId: 9,
    toHex: 11,
  },
  signTx1559: {
    path: 1,
    nonce: 2,
    maxGasFee: 3,
    maxPriorityFee: 4,
    gasLimit: 5,
    to: 6,
    value: 7,
    firstData: 8,
    dataLength: 9,
    chainId: 10,
    accessList: 11,
  },
  accessListEntry: { address: 1, storageKeys: 2 },
  txRequest: { dataLength: 1, v: 2, r: 3, s: 4 },
  txAck: { data: 1 },
  signMessage: { path: 1, message: 2 },
  messageSignature: { signature: 2 },
  signTypedHash: { path: 1, domainHash: 2, messageHash: 3 },
  typedDataSignature: { signature: 1 },
} as const;
