import { ImageStreamError } from '../contracts/errors.js';
import type { RunRef } from '../contracts/sync.js';
import type { CloudSettings, Configuration, MirrorSettings } from './configuration.js';
import { configDigest, unknownMirror } from './digest.js';
import { describeCloud, loadCloud } from '../openstack/index.js';

/** A digest is made again after this time, since clouds.yaml may have changed. */
const KEPT_MS = 5_000;

export interface MirrorIdentity {
  configurationDigest: string;
  /** Clouds as they may be printed: name, auth URL, user, project. */
  clouds: string[];
}

/** What a configuration says about a mirror, and the digest that a run of it is known by. */
export class Settings {
  private readonly identities = new Map<string, { identity: Promise<MirrorIdentity>; until: number }>();

  constructor(
    readonly configuration: Configuration,
    private readonly env: NodeJS.ProcessEnv = process.env,
  ) {}

  /** @throws {ImageStreamError} UnknownMirror */
  mirror(name: string): MirrorSettings {
    const found = this.configuration.mirrors.find((mirror) => mirror.name === name);
    if (!found) throw unknownMirror(this.configuration, name);
    return found;
  }

  /** @throws {ImageStreamError} UnknownCloud */
  cloud(name: string): CloudSettings {
    const found = this.configuration.clouds.find((cloud) => cloud.name === name);
    if (!found)
      throw new ImageStreamError('UnknownCloud', `No cloud ${JSON.stringify(name)} in the configuration`);
    return found;
  }

  /** The mirror of a run. @throws {ImageStreamError} ConfigurationDiffers, when this worker means something else by its name */
  async ofRun(run: RunRef): Promise<MirrorSettings> {
    const mirror = this.mirror(run.mirror);
    const { configurationDigest } = await this.identity(run.mirror);
    if (configurationDigest !== run.configurationDigest) throw configurationDiffers(run, configurationDigest);
    return mirror;
  }

  /** @throws {ImageStreamError} UnknownMirror, UnknownCloud, CloudConfigInvalid */
  async identity(name: string): Promise<MirrorIdentity> {
    const known = this.identities.get(name);
    if (known && known.until > Date.now()) return known.identity;
    const identity = this.makeIdentity(name);
    this.identities.set(name, { identity, until: Date.now() + KEPT_MS });
    identity.catch(() => this.identities.delete(name));
    return identity;
  }

  private async makeIdentity(name: string): Promise<MirrorIdentity> {
    const clouds = await Promise.all(
      this.mirror(name).clouds.map(async (cloud) => cloudLine(await loadCloud(cloud, { env: this.env }))),
    );
    return { configurationDigest: configDigest(this.configuration, name, clouds), clouds };
  }
}

function cloudLine(config: Parameters<typeof describeCloud>[0]): string {
  const { name, authUrl, user, project } = describeCloud(config);
  return [name, authUrl, user ?? '-', project ?? '-'].join(' ');
}

export function configurationDiffers(run: RunRef, mine: string): ImageStreamError {
  return new ImageStreamError(
    'ConfigurationDiffers',
    `The run of ${run.mirror} has configuration ${run.configurationDigest.slice(0, 12)}, this worker has ${mine.slice(0, 12)}`,
    { details: { run: run.configurationDigest, worker: mine } },
  );
}
