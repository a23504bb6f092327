/** How the command ends for an error: 1 something failed, 2 bad usage or configuration, 69 a service is unavailable. */
export type ExitStatus = 1 | 2 | 69;

export interface ErrorFacts {
  readonly exit: ExitStatus;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** What the user can do about it, when the error carries no better hint of its own. */
  readonly remedy: string;
}

const usage = (remedy: string): ErrorFacts => ({ exit: 2, retryable: false, remedy });
const final = (remedy: string): ErrorFacts => ({ exit: 1, retryable: false, remedy });
const passing = (remedy: string): ErrorFacts => ({ exit: 1, retryable: true, remedy });
const unavailable = (remedy: string): ErrorFacts => ({ exit: 69, retryable: true, remedy });

/** The one table of error codes: docs/errors.md explains each, and a test walks both. */
export const ERROR_TABLE = {
  // usage and configuration
  Usage: usage('See `image-stream --help`.'),
  ConfigMissing: usage('Write an image-stream.yaml (README has one) or name it with --config.'),
  ConfigInvalid: usage('Correct the key that the message names; `image-stream config check` reads it again.'),
  ConfigConflict: usage('Give the mirrors different content ids or disjoint filters.'),
  UnknownMirror: usage('Name a mirror of the configuration; `image-stream config check` lists them.'),
  UnknownCloud: usage('Name a cloud of clouds.yaml, or set OS_CLOUD or the OS_* variables.'),
  CloudConfigInvalid: usage('Correct clouds.yaml or the OS_* variables.'),
  FilterSyntax: usage('Write a filter as key=value, key!=value, key~regex or key!~regex.'),
  ConfigurationDiffers: usage(
    'Wait for the running run, or end it with `image-stream cancel`, then start again.',
  ),
  CloudDiffers: usage(
    'Point the worker and the command at the same cloud and project, or end the run with `image-stream cancel`.',
  ),
  ScheduleInvalid: usage('Write hourly, daily, weekly, a cron text or {every: 6h, jitter: 10m}.'),
  SchedulesNeedTemporal: usage('Set TEMPORAL_ADDRESS to a Temporal server that stays up.'),
  ScheduleNotFound: usage('`image-stream schedule apply` makes the schedules of the configuration.'),
  RunNotFound: usage('`image-stream runs` lists the runs.'),
  // the source
  MirrorUnreachable: passing('Check the address and the network between the worker and the mirror.'),
  MirrorNotFound: final('Check the URL and the path of the mirror.'),
  MirrorForbidden: final('Check whether the mirror asks for credentials.'),
  MirrorError: passing('The mirror itself failed; try later or name fallback_urls.'),
  MirrorStalled: passing('The mirror stopped sending; the transfer goes on from the bytes it has.'),
  MirrorRedirect: final('Use the address the mirror redirects to.'),
  SourceMoved: passing('The mirror changed during the run; the run starts over by itself.'),
  SourceRegressed: final('Look at the mirror; `image-stream sync --allow-older` takes it as it is now.'),
  DocumentTooLarge: final('Raise document_limit of the mirror if this size is expected.'),
  DocumentInvalid: final('Check that the URL is a simplestreams mirror.'),
  DocumentCycle: final('Ask the operator of the mirror to mend its index.'),
  UnsafePath: final('Do not use this mirror: it names files outside of its own root.'),
  ItemInvalid: final('Ask the operator of the mirror to publish size and checksum of every item.'),
  // trust
  SignatureMissing: final(
    'Use the signed path of the mirror (.sjson), or set signature: skip if you trust the connection.',
  ),
  SignatureInvalid: final('Do not use this mirror until its operator explains it.'),
  SignatureKeyUnknown: final("Add the signer's key to the keyring of the mirror."),
  KeyringMissing: usage(
    'Install ubuntu-cloudimage-keyring, run `image-stream keys fetch ubuntu`, or set keyring.',
  ),
  KeyringInvalid: usage('Name a file or folder of OpenPGP public keys, armored or binary.'),
  KeyFetchFailed: {
    exit: 69,
    retryable: true,
    remedy: 'Try later, or name another key server with --server.',
  },
  KeyMismatch: final('The key server answered another key than the pinned one; do not trust it.'),
  SigningFailed: usage('Name a private key that gpg can use.'),
  ChecksumMismatch: passing('The bytes are not those that the mirror announced; they were thrown away.'),
  SizeMismatch: passing('The file has another size than the mirror announced; it was thrown away.'),
  // staging
  StagingFull: passing('Free space in the staging folder or raise staging.budget.'),
  StagingTooSmall: usage('Raise staging.budget above the size of the largest image.'),
  StagingUnwritable: usage('Give the worker write access to the staging folder.'),
  StagingBusy: passing('Another worker writes this file; it is waited for.'),
  StagingLost: passing('The staged file is gone; it is downloaded again.'),
  // the cloud
  KeystoneUnreachable: unavailable('Check the auth URL and that Keystone runs.'),
  ServicesUnavailable: unavailable('Wait until the services are in the catalogue, or raise --wait.'),
  Unauthorized: final('Check user name, password, project and domains.'),
  Forbidden: final('Ask an administrator of the cloud for the right that the message names.'),
  ProjectRequired: usage(
    'Set OS_PROJECT_NAME or project_name to one of the projects that the message lists.',
  ),
  RegionUnknown: usage('Name a region that the catalogue of the cloud has.'),
  TlsFailed: usage('Name the CA with OS_CACERT or cacert.'),
  NotFound: final('It is gone from the cloud.'),
  Conflict: passing('Something else changed it at the same time; it is looked at again.'),
  QuotaExceeded: final('Raise the quota of the project or free space in it.'),
  BadRequest: final('The service refused the request; its own message says why.'),
  CloudError: passing('The service failed; it is tried again.'),
  CloudUnreachable: passing('Check the endpoint of the service and the network to it.'),
  HashMismatch: passing('Glance holds other bytes than were sent; the image was removed.'),
  TokenRefused: passing('The token ended during the transfer; a new one is fetched.'),
  ImageGone: passing('Somebody deleted the image during its upload; it is made anew.'),
  VisibilityForbidden: final(
    'Ask an administrator for the right to publish images, or set visibility: private.',
  ),
  AdvertiseForbidden: final('Let an administrator create the product-streams service and endpoints.'),
  EtagMismatch: passing('The object store kept other bytes than were sent; it is written again.'),
  // runs
  TemporalUnreachable: unavailable('Check TEMPORAL_ADDRESS, or unset it to use the embedded server.'),
  TemporalMissing: {
    exit: 69,
    retryable: false,
    remedy: 'Put the `temporal` command on PATH, or run scripts/setup.',
  },
  TemporalSetup: usage('Register the search attributes with the command that the message has.'),
  StateUnwritable: usage('Give write access to the state folder, or name another with XDG_STATE_HOME.'),
  SyncIncomplete: final('`image-stream show` lists what failed and why; the next run tries again.'),
  NotConverging: final('Look at the items named: something else keeps changing them.'),
  CancelPending: passing('A worker ends it; `image-stream show` says whether one is there.'),
  TimedOut: passing(
    'Look at what held it up, or raise transfer_timeout of the mirror; what was staged stays.',
  ),
  Cancelled: { exit: 1, retryable: false, remedy: 'Start it again; what was staged stays.' },
  OutputLost: final(
    'Free space where the output goes, then look with `image-stream show` how the run ended.',
  ),
  Internal: final('Please report it, with the output of the same command under --debug.'),
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERROR_TABLE;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_TABLE, value);
}
