#!/bin/sh
# Prints the alert rules as a PrometheusRule, for the Prometheus Operator:
#
#   deploy/kubernetes/prometheus-rule.sh > deploy/kubernetes/prometheus-rule.yaml
set -eu
rules="${1:-$(dirname "$0")/../../alerts/countersign.rules.yml}"
cat <<'HEAD'
# Made by prometheus-rule.sh from alerts/countersign.rules.yml. Change that file, not this one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: countersign
  labels: { app.kubernetes.io/name: countersign }
spec:
HEAD
sed -e '/^---$/d' -e 's/^\(.\)/  \1/' "$rules"
