/* What PyTorch asks of the CUDA runtime before it dispatches an operation: which of one device is current. */

int cudaGetDevice(int *device) {
    *device = 0;
    return 0;
}

int cudaSetDevice(int device) { return device; }

int cudaGetDeviceCount(int *count) {
    *count = 1;
    return 0;
}

/* c10::cuda::MaybeSetDevice(signed char), which asks the driver whether the device is in use. */
int _ZN3c104cuda14MaybeSetDeviceEa(signed char device) { return device; }
