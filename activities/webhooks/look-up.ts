/**
 * Looks a receiver's name up. The addresses that are found are the ones that are connected to, so what is checked here
 * can't be another address a moment later.
 */
import { lookup as systemLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { isAllowedAddress } from '../../backfills/receiver-address.js';

export type LookUp = (name: string) => Promise<LookupAddress[]>;

const DNS_TIMEOUT_MS = 2500;
const DNS_TRIES = 2;

/** The receiver is in a network that requests must not go to. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/**
 * Asks the DNS itself. What the system's own look-up does blocks a thread that it has few of: names that are never
 * answered would hold up those of the hive's database.
 */
export const lookUpInDns: LookUp = async (name) => {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
  const results = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = results.flatMap((result, index) =>
    result.status === 'fulfilled' ? result.value.map((address) => ({ address, family: index === 0 ? 4 : 6 })) : [],
  );
  if (found.length > 0) return found;
  throw results.find((result) => result.status === 'rejected')?.reason ?? new Error('no address');
};

/** Knows the names of the hive's own network too: /etc/hosts, search domains. */
export const lookUpInSystem: LookUp = (name) =>
  new Promise((resolve, reject) => {
    systemLookup(name, { all: true }, (error, found) => (error ? reject(error) : resolve(found)));
  });

type Found = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** @returns a `lookup` for a request, which finds only addresses that it may go to; one other refuses the name */
export function checkedLookup(lookUp: LookUp, { allowsPrivate }: { allowsPrivate: boolean }) {
  return (name: string, { all, family }: LookupOptions, found: Found): void => {
    lookUp(name).then(
      (addresses) => {
        if (!addresses.every(({ address }) => isAllowedAddress(address, { allowsPrivate }))) {
          found(new AddressRefusedError('a private address'), []);
          return;
        }
        const wanted = addresses.filter((one) => ![4, 6].includes(Number(family)) || one.family === Number(family));
        const [first] = wanted;
        if (!first) found(new Error('no address of the family'), []);
        else if (all) found(null, wanted);
        else found(null, first.address, first.family);
      },
      (error: unknown) => found(error instanceof Error ? error : new Error('not found'), []),
    );
  };
}
