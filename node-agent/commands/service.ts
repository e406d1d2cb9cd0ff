import { Command, Option } from 'commander';
import { dataDirectory } from '../config.js';
import { launchdPlist } from '../service/launchd-plist.js';
import { Launchd } from '../service/launchd.js';
import type { ServiceManager } from '../service/manager.js';
import { planService, type Scope } from '../service/plan.js';
import { systemdUnit } from '../service/systemd-unit.js';
import { Systemd } from '../service/systemd.js';
import { print } from './print.js';

interface ServiceOptions {
  system?: boolean;
  json?: boolean;
  print?: boolean;
}

export function serviceCommand(): Command {
  const service = new Command('service').description(
    'Let systemd (on macOS launchd) keep `connect` running, with the configuration that `join` has stored.',
  );
  subcommand(service, 'install')
    .description('Install the service, or replace it, and start it.')
    .option('--print', 'only print the unit that would be installed')
    .action((options: ServiceOptions) => {
      const plan = planService(scopeOf(options));
      if (options.print) return print([(isMac() ? launchdPlist(plan) : systemdUnit(plan)).trimEnd()]);
      const manager = managerOf(options);
      const notes = manager.install();
      const { file, detail } = manager.state();
      return print([`installed  ${file}`, `state      ${detail}`, ...notes.map((note) => `note       ${note}`)]);
    });
  subcommand(service, 'uninstall')
    .description('Stop the service and remove it. The configuration and the store stay.')
    .action((options: ServiceOptions) =>
      print([
        managerOf(options).uninstall() ? 'uninstalled; the configuration and the store stay' : 'was not installed',
      ]),
    );
  subcommand(service, 'status')
    .description('Say whether the service is installed and runs. Exits with 3 if it does not run.')
    .option('--json', 'print one JSON object')
    .action(async (options: ServiceOptions) => {
      const state = managerOf(options).state();
      const connectRuns = await isConnectRunning();
      if (!state.isRunning) process.exitCode = 3;
      if (options.json) {
        const { file, isInstalled: installed, isEnabled: enabled, isRunning: running, detail } = state;
        return print([JSON.stringify({ file, installed, enabled, running, detail, connect_runs: connectRuns })]);
      }
      return print([
        `service    ${state.isInstalled ? state.file : 'not installed'}`,
        ...(state.isInstalled ? [`starts     ${state.isEnabled ? 'by itself' : 'only by hand'}`] : []),
        `state      ${state.detail}`,
        `connect    ${connectRuns ? 'runs' : 'does not run'} for the store${connectRuns && !state.isRunning ? ', started otherwise' : ''}`,
      ]);
    });
  return service;
}

function subcommand(service: Command, name: string): Command {
  return service
    .command(name)
    .copyInheritedSettings(service)
    .addOption(new Option('--user', 'the service of this user').default(true).conflicts('system'))
    .option('--system', 'the service of the whole machine, which runs as the owner of the configuration; needs root');
}

const isMac = () => process.platform === 'darwin';
const scopeOf = ({ system }: ServiceOptions): Scope => (system ? 'system' : 'user');

function managerOf(options: ServiceOptions): ServiceManager {
  const scope = scopeOf(options);
  const plan = () => planService(scope);
  return isMac() ? new Launchd(scope, plan) : new Systemd(scope, plan);
}

async function isConnectRunning(): Promise<boolean> {
  const { ConnectLock } = await import('../store/connect-lock.js');
  return ConnectLock.isHeld(dataDirectory());
}
