import { signTransaction, type Transaction, type TransactionFields } from "#core/types";
import { type AccountState, type TxJournal, TxPool, type TxPoolLimits } from "#core/txpool";
import { addressOf, generateKey, type PrivateKey, publicKeyOf } from "#crypto";
import { SimulatedClock } from "#host/sim";
import { devGenesis, type Rules, rulesAt } from "#params";
import { toHex } from "#util";

const { config } = devGenesis({});
const devRules = rulesAt(config, { number: 1, time: 1 });
export const ether = 10n ** 18n;

export interface PoolSetup {
  readonly limits?: Partial<TxPoolLimits>;
  readonly journal?: TxJournal;
  readonly noLocals?: boolean;
  readonly rules?: Rules;
}

/** A pool over accounts that a test sets. */
export function poolWorld({ limits, journal, noLocals, rules = devRules }: PoolSetup = {}) {
  const accounts = new Map<string, AccountState>();
  const clock = new SimulatedClock();
  const pool = new TxPool({
    head: () => ({
      gasLimit: 30_000_000n,
      rules,
      account: (address) => accounts.get(toHex(address)) ?? { nonce: 0n, balance: 0n },
    }),
    clock,
    limits,
    journal,
    noLocals,
  });
  const set = (key: PrivateKey, state: Partial<AccountState>) => {
    const address = toHex(addressOf(publicKeyOf(key)));
    accounts.set(address, { nonce: 0n, balance: 100n * ether, ...accounts.get(address), ...state });
  };
  const person = (state: Partial<AccountState> = {}) => {
    const key = generateKey();
    set(key, state);
    return key;
  };
  const events: Transaction[] = [];
  pool.txEvents.subscribe((txs) => events.push(...txs));
  return { pool, clock, person, set, events };
}

/** A transfer; `price` is both fee cap and tip. */
export function send(
  key: PrivateKey,
  nonce: bigint | number,
  price = 10n,
  fields: Partial<TransactionFields> = {},
): Transaction {
  const base = {
    type: 2,
    chainId: 1337n,
    nonce: BigInt(nonce),
    gas: 21_000n,
    maxFeePerGas: price,
    maxPriorityFeePerGas: price,
    to: new Uint8Array(20),
    value: 1n,
    input: new Uint8Array(),
    accessList: [],
  };
  return signTransaction({ ...base, ...fields } as TransactionFields, key); // the fields of type 2 unless a test says otherwise
}
