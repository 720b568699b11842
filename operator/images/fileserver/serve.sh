#!/bin/sh
# First process of a file server's container.
set -eu
mkdir -p /run/ganesha/recovery /run/rpcbind
# nfs-ganesha does not begin without it. It answers on its local socket only.
rpcbind -w
# The claim's folder is root's; jobs of any user write below it, as on the service's file servers.
chmod 0777 /export
exec ganesha.nfsd -F -L /dev/stdout -f /etc/ganesha/batchai.conf -p /run/ganesha/pid
