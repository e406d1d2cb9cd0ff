import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { bodyOf, type HiveClient, type Schemas } from '../../api/client/client.js';
import { DEFAULT_OFFLINE_MINUTES, MAX_OFFLINE_MINUTES, WEBHOOK_EVENTS } from '../../api/schemas/webhook.js';
import { printable } from '../../protocol/printable.js';
import { addHiveOptions, connectToHive, type HiveOptions } from './hive-access.js';
import { JSON_OPTION, print, type OutputOptions } from './output.js';
import { shortText } from './reading/attempt-text.js';
import { green, red, yellow } from './reading/colour.js';
import { printList, type ListOf } from './reading/print-list.js';
import { agoText } from './reading/standing.js';
import type { Cell } from './reading/table.js';
import { timeText } from './reading/time.js';
import { uuidArgument } from './usage.js';

type Options = HiveOptions & OutputOptions;
type Event = (typeof WEBHOOK_EVENTS)[number];

const LOOK_MS = 300;
/** Longer than the hive takes to send a test, and to wait for its answer. */
const TEST_MS = 30_000;

const LIST: ListOf<Schemas['Webhook']> = {
  columns: [
    { title: 'ID' },
    { title: 'STATE', max: 30 },
    { title: 'WAITING', isNumber: true, leaveOut: 2 },
    { title: 'DELIVERED', leaveOut: 1 },
    { title: 'EVENTS', leaveOut: 3 },
    { title: 'URL' },
  ],
  cells: (webhook) => [
    webhook.id,
    receiverCell(webhook),
    String(webhook.waiting),
    agoText(webhook.last_delivery),
    webhook.events.join(','),
    webhook.url,
  ],
  none: 'no webhooks; hive webhook create URL makes one',
};
const DELIVERIES: ListOf<Schemas['WebhookDelivery']> = {
  columns: [
    { title: 'ID' },
    { title: 'EVENT' },
    { title: 'STATE' },
    { title: 'TRIES', isNumber: true, leaveOut: 1 },
    { title: 'SINCE', leaveOut: 2 },
    { title: 'NEXT', leaveOut: 3 },
    { title: 'ABOUT', leaveOut: 4 },
    { title: 'LAST ERROR' },
  ],
  cells: ({ state, ...delivery }) => [
    delivery.id,
    delivery.type,
    { text: state, paint: PAINT[state] },
    String(delivery.tries),
    agoText(delivery.created_at),
    delivery.next_try_at === null ? '-' : timeText(delivery.next_try_at),
    delivery.attempt_id ?? delivery.node_id ?? '-',
    shortText(delivery.last_error ?? ''),
  ],
  none: 'no events yet; hive webhook test ID sends one',
};
const PAINT = { waiting: yellow, delivered: green, given_up: red };

export function webhookCommand(): Command {
  const webhook = new Command('webhook').description('Have programs told what happens (docs/webhooks.md).');
  subcommand(webhook, 'list')
    .description('List the webhooks, and whether their receivers work.')
    .action(async (options: Options) => {
      await printList(await bodyOf((await connectToHive(options)).GET('/v1/webhooks')), LIST, options);
    });
  subcommand(webhook, 'create')
    .description('Make a webhook, and print the secret that signs what it is sent.')
    .argument('<url>', 'where the events are sent')
    .option('--events <types>', `some of ${WEBHOOK_EVENTS.join(',')}`, eventTypes, [...WEBHOOK_EVENTS])
    .option(
      '--offline-minutes <minutes>',
      'for node.offline: how long a node is away',
      minutes,
      DEFAULT_OFFLINE_MINUTES,
    )
    .option('--description <text>', 'for people', '')
    .action(
      async (url: string, options: Options & { events: Event[]; offlineMinutes: number; description: string }) => {
        const { events, offlineMinutes, description } = options;
        const body = { url, events, offline_minutes: offlineMinutes, description };
        const made = await bodyOf((await connectToHive(options)).POST('/v1/webhooks', { body }));
        print(options.json ? JSON.stringify(made) : made.secret);
        // standard output has the secret alone, for scripts
        if (!options.json) process.stderr.write(`Webhook ${made.id}. The secret is shown only now.\n`);
      },
    );
  subcommand(webhook, 'delete')
    .description('Delete a webhook, and what waits for it.')
    .argument('<id>', 'id of the webhook', uuidArgument)
    .action(async (id: string, options: Options) => {
      await bodyOf((await connectToHive(options)).DELETE('/v1/webhooks/{id}', { params: { path: { id } } }));
      print(options.json ? JSON.stringify({ deleted: id }) : `deleted ${id}`);
    });
  subcommand(webhook, 'deliveries')
    .description('List the newest 200 events of a webhook.')
    .argument('<id>', 'id of the webhook', uuidArgument)
    .action(async (id: string, options: Options) => {
      await printList(await newestDeliveries(await connectToHive(options), id), DELIVERIES, options);
    });
  subcommand(webhook, 'test')
    .description('Send a test event, and say how the receiver answered. Fails if it did not take it.')
    .argument('<id>', 'id of the webhook', uuidArgument)
    .action(async (id: string, options: Options) => {
      const hive = await connectToHive(options);
      const params = { path: { id } };
      const { delivery_id } = await bodyOf(hive.POST('/v1/webhooks/{id}/test', { params }));
      const result = await ended(hive, id, delivery_id);
      if (options.json && result) print(JSON.stringify(result));
      if (result?.state === 'delivered') {
        if (!options.json) print(`taken: HTTP ${result.last_status ?? ''}`);
        return;
      }
      const { last_error, last_answer } = result ?? { last_error: 'not sent within 30 s; see the hive’s /readyz' };
      throw new Error(`not taken: ${printable(`${last_error ?? 'unknown'} ${last_answer ?? ''}`.trim())}`);
    });
  subcommand(webhook, 'rotate-secret')
    .description('Give a webhook a new secret, and print it. The former one signs too for a day.')
    .argument('<id>', 'id of the webhook', uuidArgument)
    .action(async (id: string, options: Options) => {
      const hive = await connectToHive(options);
      const made = await bodyOf(hive.POST('/v1/webhooks/{id}/rotate-secret', { params: { path: { id } } }));
      print(options.json ? JSON.stringify(made) : made.secret);
    });
  return webhook;
}

function subcommand(webhook: Command, name: string): Command {
  return addHiveOptions(webhook.command(name)).option(...JSON_OPTION);
}

async function newestDeliveries(hive: HiveClient, id: string): Promise<Schemas['WebhookDelivery'][]> {
  const params = { path: { id }, query: { limit: 200 } };
  return (await bodyOf(hive.GET('/v1/webhooks/{id}/deliveries', { params }))).deliveries;
}

/** @returns the delivery when it has ended; undefined if it does not in time */
async function ended(hive: HiveClient, id: string, deliveryId: string) {
  const until = performance.now() + TEST_MS;
  while (performance.now() < until) {
    const found = (await newestDeliveries(hive, id)).find((one) => one.id === deliveryId);
    if (found?.state !== 'waiting') return found;
    await sleep(LOOK_MS);
  }
  return undefined;
}

function eventTypes(text: string): Event[] {
  const known = new Set<string>(WEBHOOK_EVENTS);
  const types = text.split(',').map((type) => type.trim());
  const isEvent = (type: string): type is Event => known.has(type);
  if (types.every(isEvent)) return types;
  throw new InvalidArgumentError(`Some of ${WEBHOOK_EVENTS.join(', ')}, separated by commas.`);
}

function minutes(text: string): number {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= 1 && value <= MAX_OFFLINE_MINUTES) return value;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_OFFLINE_MINUTES}.`);
}

function receiverCell({ failing_since: since, last_error: error }: Schemas['Webhook']): Cell {
  if (since === null) return { text: 'works', paint: green };
  return { text: `failing ${agoText(since)}: ${shortText(error ?? '')}`, paint: red };
}
