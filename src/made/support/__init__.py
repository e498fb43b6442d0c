"""What every floor stands on: errors, checks, uniforms, devices, files, versions."""
