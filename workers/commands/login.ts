import { Command } from 'commander';
import { bodyOf, createHiveClient, HiveApiError, type HiveAddress } from '../../api/client/client.js';
import { isThisMachine, isToken, webUrl } from './hive-access.js';
import { print, type OutputOptions } from './output.js';
import { profileName, profilePath, readProfiles, writeProfiles } from './profile-file.js';
import { readSecret } from './read-secret.js';
import { UsageError } from './usage.js';

interface Options extends OutputOptions {
  profile?: string;
  tokenStdin?: true;
}

export function loginCommand(): Command {
  return new Command('login')
    .description('Remember a hive and a token for it. The token is asked for, and tried before it is kept.')
    .argument('<url>', 'address of the hive')
    .option('--profile <name>', 'what to call it (default: its host)')
    .option('--token-stdin', 'read the token from standard input, for scripts')
    .option('--json', 'print one JSON object')
    .addHelpText('after', `\nIt is kept in ${profilePath()}, which nobody else can read.`)
    .action(async (text: string, options: Options) => {
      const url = webUrl('the address', text);
      const name = profileName(options.profile ?? new URL(url).host);
      await readProfiles(); // before somebody has typed a token, for nothing
      if (url.startsWith('http:') && !isThisMachine(url)) {
        process.stderr.write('hive: the token will travel unencrypted; an https:// address is safer\n');
      }
      const token = await tokenFrom(options);
      await tryToken({ url, token });
      const known = await readProfiles();
      await writeProfiles({ current: name, profiles: { ...known.profiles, [name]: { url, token } } });
      print(options.json ? JSON.stringify({ profile: name, url }) : `logged in to ${url} as profile ${name}`);
    });
}

/** @throws HiveApiError, HiveUnreachableError */
async function tryToken(address: HiveAddress): Promise<void> {
  const query = { limit: 1 };
  await bodyOf(createHiveClient(address).GET('/v1/swarm/attempts', { params: { query } })).catch((error: unknown) => {
    if (!(error instanceof HiveApiError) || error.status !== 401) throw error;
    const advice = 'check it, or make one with `hive token create NAME` where the hive runs';
    throw new HiveApiError(401, error.code, `the hive does not take this token; ${advice}`);
  });
}

async function tokenFrom({ tokenStdin }: Options): Promise<string> {
  if (!tokenStdin && !process.stdin.isTTY) {
    throw new UsageError('standard input is no terminal: give --token-stdin to read the token from it');
  }
  const token = (await readSecret(tokenStdin ? undefined : 'API token (it is not shown): ')).trim();
  if (token === '') throw new UsageError('no token was given');
  if (!isToken(token)) throw new UsageError('that is no token: it has spaces or characters that none has');
  return token;
}
