import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Command, Option } from 'commander';
import { draftConfig, readStoredConfig, type ConfigDraft, type StoredConfig } from '../config-file.js';
import { dataDirectory, NODE_KEY, nodeName, socketUrl } from '../config.js';
import { messageOf, NodeAgentError } from '../errors.js';
import type { Store } from '../store/open.js';
import { textOption } from './options.js';
import { print } from './print.js';

const MAX_NAME = 256;

interface JoinOptions {
  keyFile?: string;
  invite?: string;
  name?: string;
  json?: boolean;
}

export function joinCommand(): Command {
  return new Command('join')
    .description(
      "Join a hive: check that it accepts this machine, and keep its address and the node's key for `connect`.",
    )
    .argument('<hive-url>', 'address of the hive, for example https://hive.example.com')
    .addOption(
      new Option(
        '--key-file <file>',
        "file with the node's key, made by `hive key create`; - is standard input",
      ).conflicts('invite'),
    )
    .option('--invite <token>', 'one-time token, made by `hive node invite`; - is standard input')
    .option('--name <name>', 'name of the node in the hive (default: the host name)', textOption(MAX_NAME))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
The configuration is ~/.config/hivesync/node-agent.json (XDG_CONFIG_HOME; NODE_AGENT_CONFIG names
another file), which only its user can read. Without --key-file and --invite, NODE_API_KEY is taken.
Joining again replaces the address and the key.`,
    )
    .action(async (address: string, options: JoinOptions) => {
      const joined = await join(address, options);
      return options.json ? print([JSON.stringify(joined)]) : print(sentences(joined));
    });
}

interface Joined {
  hive_url: string;
  /** The node's id at the hive; null if that is not known, because `connect` runs with what it had. */
  node_id: string | null;
  name: string;
  config: string;
  data_dir: string;
}

async function join(address: string, options: JoinOptions): Promise<Joined> {
  const url = socketUrl(address, 'hive-url');
  const stored = readStoredConfig();
  const credential = readCredential(options);
  const name = options.name ?? nodeName(stored);
  // loaded only now, so that help and wrong usage need no store
  const { openStore } = await import('../store/open.js');
  const former: string[] = [];
  const store = openStore(dataDirectory(process.env, (sentence) => former.push(sentence)));
  const draft = draftConfig();
  try {
    const config: StoredConfig = {
      ...stored,
      hive_url: address.replace(/\/+$/, ''),
      ...(options.name !== undefined && { name: options.name }),
      // the key is that of this store's node: what is started elsewhere must find it
      ...((process.env['NODE_DATA_DIR'] ? true : former.length > 0) && { data_dir: store.dataDir }),
    };
    const nodeId = await takeIn({ url, name, store, config, draft, credential });
    return { hive_url: config.hive_url ?? '', node_id: nodeId, name, config: draft.path, data_dir: store.dataDir };
  } finally {
    draft.discard();
    store.close();
  }
}

type Credential = { key: string } | { token: string };

interface Candidate {
  url: string;
  name: string;
  store: Store;
  config: StoredConfig;
  draft: ConfigDraft;
  credential: Credential;
}

/** @returns the node's id at the hive; null if it is not known */
async function takeIn({ url, name, store, config, draft, credential }: Candidate): Promise<string | null> {
  const check = async (apiKey: string) => checkKey({ url, apiKey, name, store });
  if ('key' in credential) {
    const nodeId = await check(credential.key);
    draft.commit({ ...config, api_key: credential.key });
    return nodeId;
  }
  const { enroll } = await import('../connection/enroll.js');
  const apiKey = await enroll({ hiveUrl: url, token: credential.token, machineId: store.machineId(), name });
  draft.commit({ ...config, api_key: apiKey }); // before anything else can fail: the token is spent
  try {
    return await check(apiKey);
  } catch (error) {
    throw new NodeAgentError('hive', `this machine has its key, in ${draft.path}, but ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Asks over HTTP first, because the answers of that say more, and then logs in, as `connect` does. */
async function checkKey(node: { url: string; apiKey: string; name: string; store: Store }): Promise<string | null> {
  const { askStored } = await import('../connection/ask-stored.js');
  await askStored({ hiveUrl: node.url, apiKey: node.apiKey }, [randomUUID()]);
  const { ConnectLock } = await import('../store/connect-lock.js');
  if (ConnectLock.isHeld(node.store.dataDir)) return null; // a login would end its connection
  const { tryLogin } = await import('../connection/v2/try-login.js');
  return tryLogin(node);
}

function readCredential({ keyFile, invite }: JoinOptions): Credential {
  if (invite !== undefined) return { token: invite === '-' ? readSecret(0, '--invite') : invite };
  if (keyFile !== undefined)
    return { key: usableKey(readSecret(keyFile === '-' ? 0 : keyFile, '--key-file'), '--key-file') };
  const { NODE_API_KEY: key } = process.env;
  if (key) return { key: usableKey(key, 'NODE_API_KEY') };
  throw new NodeAgentError(
    'usage',
    'give --invite with a token made by `hive node invite`, or --key-file with a key made by `hive key create`',
  );
}

function readSecret(file: string | 0, option: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new NodeAgentError('config', `${option}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function usableKey(key: string, where: string): string {
  if (NODE_KEY.test(key)) return key;
  throw new NodeAgentError('config', `${where}: contains no key; allowed: one line made by \`hive key create\``);
}

function sentences({ hive_url: url, node_id: nodeId, name, config, data_dir: dataDir }: Joined): string[] {
  const isOpen = /^(ws|http):/.test(url) && !['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
  return [
    `joined         ${url} as ${JSON.stringify(name)}${nodeId === null ? '' : ` (node ${nodeId})`}`,
    `configuration  ${config}`,
    `store          ${dataDir}`,
    ...(isOpen ? ['warning        the key travels unencrypted; join an https:// address where there is one'] : []),
    ...(process.env['NODE_API_KEY']
      ? ['note           NODE_API_KEY is not needed any more: unset it where it is set']
      : []),
    nodeId === null
      ? 'next           restart `node-agent connect`, which runs with what it had (service: `node-agent service install`)'
      : 'next           node-agent service install (stays connected), or node-agent connect; then node-agent run -- COMMAND',
  ];
}
