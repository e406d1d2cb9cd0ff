/** To which addresses the hive may send requests that others have asked for: never into its own network. */
import ipaddr from 'ipaddr.js';

/** The part of IPv6 that is given out to the public; what is special in it has a range of its own. */
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** @param address an IP address, of an IPv6 one without brackets @returns whether it is one of the public Internet */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address); // an IPv4 address in IPv6's form is that IPv4 address
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || parsed.match(PUBLIC_IPV6);
}

/** Where clouds keep their machines' credentials, besides link-local addresses. */
const METADATA = ipaddr.parse('fd00:ec2::254').toNormalizedString();

/**
 * @param allowsPrivate for receivers in the hive's own network. Where machines find their credentials stays closed.
 * @returns whether requests may go to the IP address
 */
export function isAllowedAddress(address: string, { allowsPrivate }: { allowsPrivate: boolean }): boolean {
  if (isPublicAddress(address)) return true;
  if (!allowsPrivate || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return (
    [parsed, embeddedIpv4(parsed)].every((one) => one?.range() !== 'linkLocal') &&
    parsed.toNormalizedString() !== METADATA
  );
}

/** @returns where a translator (NAT64) or a relay (6to4) sends on what goes to the IPv6 address */
function embeddedIpv4(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const from = { rfc6052: 12, '6to4': 2 }[address.range() as string];
  return from === undefined ? undefined : new ipaddr.IPv4(address.toByteArray().slice(from, from + 4));
}

/** @returns the URL's host, if it is an address and not a name: without brackets */
export function literalAddress(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return ipaddr.isValid(host) ? host : undefined;
}

/**
 * What can be told of a receiver's address before it is looked up.
 * @returns why it is refused, for people; undefined if it may be tried
 */
export function whyRefused(url: URL, { allowsPrivate }: { allowsPrivate: boolean }): string | undefined {
  if (!['http:', 'https:'].includes(url.protocol)) return 'must be an http:// or https:// URL';
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or a password';
  const address = literalAddress(url);
  const isLocalName = /(^|\.)(localhost|local|internal)\.?$/i.test(url.hostname);
  const isAllowed =
    address === undefined ? allowsPrivate || !isLocalName : isAllowedAddress(address, { allowsPrivate });
  if (isAllowed) return undefined;
  return 'must not be a private address; where that is wanted, the hive needs HIVE_WEBHOOK_ALLOW_PRIVATE=true';
}
