// A process that makes, changes and removes key files until it is killed: node key-writer.mjs FOLDER
// Prints "made ADDRESS", "changed ADDRESS" and "removed ADDRESS" once that is on disk. Passwords are "a" and "b" in turns.
const room = (name) => import(new URL(`../../dist/${name}/index.js`, import.meta.url).href);
const { KeyStore } = await room("accounts/keystore");
const { nodeHost } = await room("host/node");
const { silentLogger } = await room("log");
const { toHex } = await room("util");

const [, , folder] = process.argv;
const keys = new KeyStore({ folder, useLightweightKdf: true, host: nodeHost(), log: silentLogger });
const opens = async (account) => {
  for (const password of ["a", "b"]) {
    try {
      await keys.check(account, password);
      return password;
    } catch {}
  }
  throw new Error("an account that neither password opens");
};
console.log("ready");
for (let round = 0; ; round++) {
  const accounts = await keys.accounts();
  const oldest = accounts[0];
  if (accounts.length < 3 || oldest === undefined) {
    const { address } = await keys.newAccount("a");
    console.log(`made ${toHex(address)}`);
  } else if (round % 4 !== 3) {
    const account = accounts[round % accounts.length];
    const password = await opens(account);
    await keys.update(account, password, password === "a" ? "b" : "a");
    console.log(`changed ${toHex(account.address)}`);
  } else {
    await keys.delete(oldest, await opens(oldest));
    console.log(`removed ${toHex(oldest.address)}`);
  }
}
