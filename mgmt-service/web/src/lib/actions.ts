// What the service writes into its audit log (docs/formats/audit-log.md), by kind of object: what the audit page can be narrowed to.
export const actions = {
  job: ['job.sent', 'job.displayed', 'job.failed', 'job.superseded', 'job.expired', 'job.cancelled'],
  change: [
    'change.create', 'change.edit', 'change.submit', 'change.recheck', 'change.approve', 'change.reject', 'change.discard',
    'change.start', 'change.resume', 'change.cancel', 'change.done', 'change.partly_failed',
  ],
  product: ['product.write', 'product.price'],
  promotion: ['promotion.begin', 'promotion.end'],
  tag: ['tag.found', 'tag.bind', 'tag.unbind', 'tag.led', 'tag.lease', 'tag.repair'],
  store: ['store.write'],
  rule: ['rule.write'],
  ap: ['ap.hello', 'ap.offline', 'ap.claim', 'ap.name', 'ap.permit_join'],
  session: ['session.login', 'session.logout', 'session.refused'],
  user: ['user.write'],
  token: ['token.create', 'token.revoke'],
  access: ['access.refused'],
  audit: ['audit.tail_repaired'],
} as const;
